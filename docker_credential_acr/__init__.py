"""A Docker credential helper for Azure Container Registry."""

__version__ = "0.1.0"
