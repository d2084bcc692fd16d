"""pytest plugin: ends the run with the line that tests/run-suites sums up. Errors in fixtures count as failures. SIGTERM ends it
as Ctrl-C does, with what the fixtures have to clean up: once, however often it comes."""

import signal


def _end(number, _frame):
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def pytest_configure(config):
    signal.signal(signal.SIGTERM, _end)
    config.pluginmanager.register(_Count(), "vtclone-count")


class _Count:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def pytest_collectreport(self, report):
        self.failed += report.failed

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.failed += 1
        elif report.skipped:
            self.skipped += 1
        elif report.when == "call":
            self.passed += 1

    def pytest_unconfigure(self):
        print("%d passed, %d failed, %d skipped" % (self.passed, self.failed, self.skipped))
