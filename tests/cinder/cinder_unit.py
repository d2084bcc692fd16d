#!/usr/bin/python3
"""Cinder's own unit tests with CloneVolumeManager as their volume manager.

usage: cinder_unit.py [--stock] MODULE...    (cinder.tests.unit.volume.test_image)

--stock runs them with Cinder's own manager. Prints one line "FAILED id" for each test that fails, and the
count that tests/run-suites sums up.
"""

import io
import logging
import sys
import unittest
import warnings

warnings.simplefilter("ignore")

from oslo_config import cfg  # noqa: E402

import cinder.tests.unit  # noqa: E402,F401  monkey-patches, as Cinder's own runner does
from cinder.common import config  # noqa: E402

MANAGER = "vtclone_cinder.manager.CloneVolumeManager"


def use_our_manager():
    for option in config.global_opts:
        if option.dest == "volume_manager":
            cfg.set_defaults([option], volume_manager=MANAGER)
            return
    raise RuntimeError("this Cinder has no option volume_manager")


def main(arguments):
    if arguments[:1] == ["--stock"]:
        arguments = arguments[1:]
    else:
        use_our_manager()
    logging.disable(logging.CRITICAL)
    suite = unittest.defaultTestLoader.loadTestsFromNames(arguments)
    result = unittest.TextTestRunner(stream=io.StringIO(), verbosity=0).run(suite)
    bad = [(test, text) for test, text in result.failures + result.errors]
    for test, text in bad:
        print("FAILED %s: %s" % (test.id(), text.strip().splitlines()[-1]))
    skipped = len(result.skipped)
    print("%d passed, %d failed, %d skipped" % (result.testsRun - len(bad) - skipped, len(bad), skipped))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
