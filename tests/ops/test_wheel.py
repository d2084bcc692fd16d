"""The wheels: built, installed in an empty environment, used with the library inside, removed."""

import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).parents[2]
LIBRARY = pathlib.Path(os.environ["VTCLONE_BUILD"]) / "libvtclone.so.1"


def test_the_wheels_are_built_and_used_and_leave_nothing(tmp_path):
    subprocess.run([str(ROOT / "packaging/build-wheel"), str(LIBRARY), str(tmp_path)], check=True, timeout=300)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert len(names) == 2 and names[0].endswith("-py3-none-linux_%s.whl" % os.uname().machine)
    assert names[1].startswith("vtclone_cinder-") and names[1].endswith("-py3-none-any.whl")
    done = subprocess.run([str(ROOT / "packaging/check-wheel"), str(tmp_path)], capture_output=True, text=True,
                          timeout=300, check=False)
    assert done.returncode == 0 and "installed, used, removed" in done.stdout, done.stdout + done.stderr
