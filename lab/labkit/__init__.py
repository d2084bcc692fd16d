"""Shared parts of the lab's commands (see lab/README.md)."""
