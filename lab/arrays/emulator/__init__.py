"""Emulated management interfaces of storage arrays: see lab/arrays/README.md."""
