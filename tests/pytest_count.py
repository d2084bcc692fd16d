"""pytest plugin: ends the run with the line that tests/run-suites sums up. Errors in fixtures count as failures."""


def pytest_configure(config):
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
