"""Alert rules and dashboard, over what vtclone_cinder really writes, in a real Prometheus."""

import http.server
import json
import os
import pathlib
import re
import subprocess
import threading
import time
import urllib.parse
import urllib.request

import pytest

from vtclone_cinder import metrics

ROOT = pathlib.Path(__file__).parents[2]
RULES = ROOT / "packaging/monitoring/vtclone.rules.yml"
DASHBOARD = ROOT / "packaging/monitoring/grafana-dashboard.json"
PORT = int(os.environ.get("VTCLONE_OPS_PORT", "9100")) + 200


def promtool(*args):
    done = subprocess.run(["promtool"] + [str(arg) for arg in args], capture_output=True, text=True, timeout=120,
                          check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def dashboard_queries():
    return [target["expr"] for panel in json.loads(DASHBOARD.read_text())["panels"] for target in panel["targets"]]


def filled_in(query):
    for name, value in (("$__range", "1h"), ("$__rate_interval", "5m"), ("$backend", ".*")):
        query = query.replace(name, value)
    return query


class Scraped:
    """What node_exporter would serve: the files in metrics_dir."""

    def __init__(self, folder):
        self.folder = folder
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = b"".join(path.read_bytes() for path in sorted(outer.folder.glob("*.prom")))
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module", name="metrics_dir")
def _metrics_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("metrics")


def api(path, **query):
    url = "http://127.0.0.1:%d/api/v1/%s?%s" % (PORT + 1, path, urllib.parse.urlencode(query))
    with urllib.request.urlopen(url, timeout=10) as reply:
        answer = json.load(reply)
    assert answer["status"] == "success"
    return answer["data"]


def wait_for(what, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            found = what()
        except OSError:
            found = None
        if found:
            return found
        time.sleep(0.5)
    raise AssertionError("not seen within %d s" % seconds)


@pytest.fixture(scope="module", name="prometheus")
def _prometheus(tmp_path_factory, metrics_dir):
    folder = tmp_path_factory.mktemp("prometheus")
    scraped = Scraped(metrics_dir)
    (folder / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: ['%s']\nscrape_configs:\n"
        "- job_name: node\n  static_configs: [{targets: ['127.0.0.1:%d']}]\n" % (RULES, PORT))
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(
            ["prometheus", "--config.file=%s" % (folder / "prometheus.yml"), "--storage.tsdb.path=%s" % (folder / "data"),
             "--web.listen-address=127.0.0.1:%d" % (PORT + 1)], stdout=log, stderr=subprocess.STDOUT)
        try:
            wait_for(lambda: api("status/buildinfo"))
            yield process
        finally:
            process.terminate()
            process.wait(timeout=30)
            scraped.close()


def test_the_rules_are_valid():
    assert "7 rules found" in promtool("check", "rules", RULES)


def test_each_alert_fires_where_it_should_and_only_there():
    promtool("test", "rules", ROOT / "tests/ops/rules_test.yml")


def test_every_metric_that_rules_and_dashboard_name_is_written(metrics_dir):
    written = metrics.Metrics(str(metrics_dir), "node@ceph#ceph")
    written.volume("cloned", "rbd-clone", "direct", "OK", 0.02)
    written.copy("ceph", "done")
    written._write()
    text = "".join(path.read_text() for path in metrics_dir.glob("*.prom"))
    names = set(re.findall(r"^(\w+)", text, re.M))
    asked = set(re.findall(r"\bvtclone_\w+", RULES.read_text() + " ".join(dashboard_queries())))
    assert asked and asked <= names, asked - names
    labels = set(re.findall(r'(\w+)="', text)) - {"le"}
    assert {"backend", "outcome", "method", "engine", "reason", "store", "result"} == labels


def test_a_refused_location_fires_in_a_real_prometheus(prometheus, metrics_dir):
    written = metrics.Metrics(str(metrics_dir), "node@ceph#ceph")
    written.volume("cloned", "rbd-clone", "direct", "OK", 0.02)
    written._write()
    wait_for(lambda: api("query", query="vtclone_volumes_total")["result"])
    assert [one for one in api("alerts")["alerts"] if one["labels"]["alertname"].startswith("Vtclone")] == []
    written.volume("refused", "none", "none", "NOT_PAIRED", 0.001)
    written._write()
    alerts = wait_for(lambda: [one for one in api("alerts")["alerts"] if one["state"] == "firing"])
    assert {one["labels"]["alertname"] for one in alerts} == {"VtcloneLocationRefused"}
    assert alerts[0]["labels"]["reason"] == "NOT_PAIRED" and alerts[0]["labels"]["backend"] == "node@ceph#ceph"


def test_every_query_of_the_dashboard_is_answered(prometheus):
    for query in dashboard_queries():
        api("query", query=filled_in(query))
    assert api("query", query=filled_in(dashboard_queries()[4]))["result"]
