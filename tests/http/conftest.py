import os
import subprocess

import pytest

from clouds import PASSWORD, working_cloud


@pytest.fixture
def server():
    scripted = working_cloud()
    yield scripted
    scripted.close()


@pytest.fixture
def vtclone(server):
    """Runs the command in the environment of the scripted cloud."""
    def run(*arguments, **environment):
        clean = {k: v for k, v in os.environ.items() if not k.startswith("OS_")}
        variables = {"OS_AUTH_URL": server.url + "/v3", "OS_USERNAME": "demo", "OS_PASSWORD": PASSWORD,
                     "OS_PROJECT_NAME": "demo", "OS_REGION_NAME": "one", **environment}
        command = [*os.environ.get("WRAPPER", "").split(), os.path.join(os.environ["VTCLONE_BUILD"], "vtclone")]
        return subprocess.run([*command, *arguments], env={**clean, **{k: v for k, v in variables.items() if v}},
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
    return run
