"""setup.py of the platform wheel: the shim with the library inside, for any Python 3 of this platform. The library still
needs the system's librbd, librados, libcurl and libyajl: a Ceph client belongs to its cluster, not to a wheel."""

from setuptools import setup
from wheel.bdist_wheel import bdist_wheel


class PlatformWheel(bdist_wheel):
    def finalize_options(self):
        super().finalize_options()
        self.root_is_pure = False

    def get_tag(self):
        return "py3", "none", super().get_tag()[2]


setup(cmdclass={"bdist_wheel": PlatformWheel})
