"""Run by test_keystone.py with ahead.c preloaded: what a call does in the last quarter of its token's life. Prints the seconds of
each call and how many tokens were fetched by then."""
import ctypes
import sys

from clouds import Cloud, Timer


def main(url: str, preloaded: str) -> None:
    ahead = ctypes.c_long.in_dll(ctypes.CDLL(preloaded), "clock_ahead_s")
    with Cloud(url, timeout_ms=8000, call_timeout_ms=8000) as cloud:
        for seconds in (0, 50, 50, 56):
            ahead.value = seconds
            with Timer() as timer:
                cloud.image()
            print(timer.seconds, cloud.stats().tokens)


main(*sys.argv[1:])
