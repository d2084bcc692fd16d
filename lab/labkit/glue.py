"""The glue from the tree as Cinder finds an installed one: its filter and weigher are looked up by entry point."""

import os
import pathlib
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILTERS = "AvailabilityZoneFilter,CapacityFilter,CapabilitiesFilter"     # Cinder's own
SCHEDULER = [f"DEFAULT.scheduler_default_filters={FILTERS},ImageLocalityFilter",
             "DEFAULT.scheduler_default_weighers=CapacityWeigher,ImageLocalityWeigher"]


def write_dist_info(folder):
    """Writes the package's entry points into the folder, which belongs on the daemons' PYTHONPATH; returns it."""
    with open(ROOT / "python-glue" / "pyproject.toml", "rb") as stream:
        project = tomllib.load(stream)["project"]
    info = os.path.join(folder, f"vtclone_cinder-{project['version']}.dist-info")
    os.makedirs(info, exist_ok=True)
    with open(os.path.join(info, "METADATA"), "w", encoding="utf-8") as stream:
        stream.write(f"Metadata-Version: 2.1\nName: vtclone-cinder\nVersion: {project['version']}\n")
    with open(os.path.join(info, "entry_points.txt"), "w", encoding="utf-8") as stream:
        for group, entries in project["entry-points"].items():
            stream.write(f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items()))
    return str(folder)
