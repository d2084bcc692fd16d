"""The version of this package, and the ABI of the library that it was written for.

Both repeat include/vtclone.h (VTCLONE_VERSION, VTCLONE_ABI); tests/python compares them.
"""

VERSION = "1.0.0"
ABI = 1
