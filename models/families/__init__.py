"""The network families, one file each."""
