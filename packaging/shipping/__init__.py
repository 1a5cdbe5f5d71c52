"""What people install: built here by ``packaging/build``, each part by one command."""
