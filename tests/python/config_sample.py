"""Writes the sample of the [vtclone] options by oslo.config's generator, without an installed package's entry point."""

import sys
from unittest import mock

from oslo_config import cfg
from oslo_config import generator

from vtclone_cinder import opts


def main(path):
    conf = cfg.ConfigOpts()
    generator.register_cli_opts(conf)
    conf(["--namespace", "vtclone", "--wrap-width", "100"], default_config_files=[])
    with mock.patch.object(generator, "_list_opts", lambda namespaces: [("vtclone", opts.list_opts())]):
        if path == "-":
            generator.generate(conf, output_file=sys.stdout)
        else:
            with open(path, "w", encoding="utf-8") as stream:
                generator.generate(conf, output_file=stream)
