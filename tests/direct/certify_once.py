"""vtclone_certify() of the library, in a process of its own: reads the question as JSON, prints the answer."""

import ctypes
import json
import os
import sys


class Error(ctypes.Structure):
    _fields_ = [("code", ctypes.c_int32), ("sys_errno", ctypes.c_int32), ("message", ctypes.c_char * 760)]


def main():
    job = json.load(sys.stdin)
    lib = ctypes.CDLL(os.environ["VTCLONE_LIBRARY"])
    lib.vtclone_code_name.restype = ctypes.c_char_p
    lib.vtclone_string_free.argtypes = [ctypes.c_void_p]
    lib.vtclone_free.argtypes = lib.vtclone_site_free.argtypes = [ctypes.c_void_p]
    site, handle, answer = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
    error = Error()
    text = json.dumps(job["site"]).encode()
    if lib.vtclone_site_parse(text, ctypes.c_size_t(len(text)), ctypes.byref(site), ctypes.byref(error)) or \
            lib.vtclone_open(None, ctypes.byref(handle), ctypes.byref(error)):
        sys.exit(error.message.decode())
    image = job["image"].encode() if job["image"] else None
    code = lib.vtclone_certify(handle, site, job["backend"].encode(), job["source"].encode(), image,
                               ctypes.byref(answer), ctypes.byref(error))
    if code:
        print(json.dumps({"error": lib.vtclone_code_name(code).decode(), "message": error.message.decode()}))
    else:
        print(ctypes.string_at(answer).decode())
        lib.vtclone_string_free(answer)
    lib.vtclone_free(handle)
    lib.vtclone_site_free(site)


if __name__ == "__main__":
    main()
