"""Where everything is in the lab."""

REGISTRY = "myregistry.azurecr.io"
SECOND = "second.azurecr.io"
ENTRA = "login.microsoftonline.com"
ARM = "management.azure.com"
AZURE = "203.0.113.10"  # not loopback: docker stops verifying TLS there
METADATA = "169.254.169.254"
NAMES = dict.fromkeys((REGISTRY, SECOND, ENTRA, ARM), AZURE)

BASE = f"{REGISTRY}/base"  # an image that is there from the start, in both registries

# The first registry's images by a back door without a sign-in: also our example of a registry
# that is not ours. Loopback and plain HTTP, which docker accepts.
OPEN = "127.0.0.1:5001"

RUN = "/run/lab"  # private memory of the namespace: what daemons and clients store
DOCKER = f"unix://{RUN}/docker.sock"
CONTAINERD = f"{RUN}/exec/containerd/containerd.sock"
