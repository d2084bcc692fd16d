import os

import pytest

import deployment as d

PORT = int(os.environ.get("VTCLONE_DIRECT_PORT", "7600"))


@pytest.fixture(scope="session", name="deployment")
def _deployment(tmp_path_factory):
    made = d.Deployment(tmp_path_factory.mktemp("direct"), PORT, "--extra-pool", "second", "--extra-pool", "mirrored",
                        "--extra-pool", "old", "--extra-pool", "own", "--extra-pool", "fresh", "--extra-pool", "data")
    try:
        parent = made.parent()
        # librbd's first image in a pool checks the pool; the direct engine leaves that to it
        for pool in ("volumes", "second", "mirrored", "old", "own"):
            made.clone(parent, "first", engine="librbd", pool=pool)
            made.rbd("rm", "--no-progress", f"{pool}/first")
        parent.remove()
        yield made
    finally:
        made.end()


@pytest.fixture(name="volume")
def _volume(deployment):
    """A volume's name; after the test nothing of any volume may be left."""
    import uuid
    before = deployment.names()
    name = f"volume-{uuid.uuid4()}"
    yield name
    if deployment.listed_id(name) is not None:
        deployment.rbd("rm", "--no-progress", f"volumes/{name}")
    assert deployment.names() == before
