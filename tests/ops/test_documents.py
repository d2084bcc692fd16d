"""Documents and packaging files against the code they speak of."""

import json
import os
import pathlib
import re
import subprocess
import sys

import pytest
import yaml

ROOT = pathlib.Path(__file__).parents[2]
BUILD = pathlib.Path(os.environ["VTCLONE_BUILD"])
PROGRAM = os.environ["VTCLONE_PROGRAM"]
MAN = ROOT / "build/man"
HEADER = (ROOT / "include/vtclone.h").read_text()


def page(name):
    return re.sub(r"\\(?:fB|fI|fR|&|-)", lambda found: "-" if found.group(0) == r"\-" else "",
                  (MAN / name).read_text()).replace("\\-", "-")


def test_every_call_of_the_header_is_in_its_page():
    calls = set(re.findall(r"\b(vtclone_\w+)\(", re.sub(r"/\*.*?\*/", "", HEADER, flags=re.S)))
    assert len(calls) > 20
    text = page("vtclone.h.3")
    assert [call for call in sorted(calls) if call not in text] == []


@pytest.mark.parametrize("program, command", [
    ("vtclone", "resolve"), ("vtclone", "clone"), ("vtclone", "stores"), ("vtclone", "copy"), ("vtclone", "doctor"),
    ("vtclone-bench", "clone"), ("vtclone-bench", "resolve")])
def test_every_option_of_a_command_is_in_the_manual(program, command):
    shown = subprocess.run([str(BUILD / program), command, "--help"], capture_output=True, text=True, check=True).stdout
    options = set(re.findall(r"--[a-z][a-z-]+", shown))
    text = page(program + ".1")
    assert options and [option for option in sorted(options) if option not in text] == []


def test_every_command_is_in_the_manual():
    shown = subprocess.run([PROGRAM, "--help"], capture_output=True, text=True, check=True).stdout
    commands = re.findall(r"^  ([a-z]+) ", shown, re.M)
    assert "doctor" in commands
    assert [one for one in commands if "vtclone %s" % one not in page("vtclone.1")] == []


@pytest.mark.parametrize("name", ["vtclone.1", "vtclone-bench.1", "vtclone.h.3", "vtclone.json.5"])
def test_a_manual_page_is_rendered_without_complaint(name):
    done = subprocess.run(["man", "--warnings", "-l", str(MAN / name)], capture_output=True, text=True, check=False,
                          env=dict(os.environ, MANWIDTH="120", LC_ALL="C.UTF-8"))
    assert done.returncode == 0 and done.stderr == "" and "NAME" in done.stdout


def test_every_code_of_doctor_is_in_troubleshooting():
    codes = set()
    for source in (ROOT / "tools").glob("doctor_*.c"):
        codes |= set(re.findall(r'"([A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+)"', source.read_text()))
    codes -= {"NO_COLOR"}
    text = (ROOT / "docs/troubleshooting.md").read_text()
    assert len(codes) > 40 and [code for code in sorted(codes) if not re.search(r"\b%s\b" % code, text)] == []


def test_every_alert_is_in_troubleshooting():
    rules = yaml.safe_load((ROOT / "packaging/monitoring/vtclone.rules.yml").read_text())
    names = [rule["alert"] for rule in rules["groups"][0]["rules"] if "alert" in rule]
    text = (ROOT / "docs/troubleshooting.md").read_text()
    assert names and [name for name in names if name not in text] == []


def test_every_log_line_of_the_glue_is_in_troubleshooting():
    """By the first words of each message."""
    text = re.sub(r"`", "", (ROOT / "docs/troubleshooting.md").read_text())
    missing = []
    for source in (ROOT / "python-glue/vtclone_cinder").glob("*.py"):
        for message in re.findall(r'(?:LOG\.(?:info|warning)|_warn_once)\(\s*(?:"\w+", )?"(?:vtclone: )?([^"]+)"', source.read_text()):
            words = re.split(r"%[(%]|%s|%d|[;:(]", message)[0].strip()
            start = re.match(r"(\S+ ){0,3}\S+", words)
            if start and start.group(0) not in text:
                missing.append(message)
    assert missing == []


def test_every_reason_is_in_the_readme():
    text = (ROOT / "README.md").read_text()
    reasons = re.findall(r"^    VTCLONE_REASON_(\w+)", HEADER, re.M)
    assert len(reasons) > 25
    assert [one for one in reasons if one != "COUNT" and not re.search(r"\b%s\b" % one, text)] == []


@pytest.mark.parametrize("document", ["SECURITY.md", "docs/configuration.md"])
def test_the_least_caps_that_are_asked_for_are_those_that_the_tests_run_with(document):
    sys.path.insert(0, str(ROOT / "lab"))
    from labkit import layout
    caps = layout.user_caps()["client.cinder"]
    osd = caps["osd"].replace("pool=volumes", "pool=VOLUMES").replace("pool=images", "pool=IMAGES")
    assert "`mon '%s'`, `osd '%s'`" % (caps["mon"], osd) in re.sub(r"\s+", " ", (ROOT / document).read_text())


def test_the_configuration_page_is_what_the_options_say():
    done = subprocess.run([sys.executable, str(ROOT / "packaging/config_doc.py")], capture_output=True, text=True,
                          check=True, cwd=ROOT)
    assert done.stdout == (ROOT / "docs/configuration.md").read_text()


def test_links_between_the_documents_lead_somewhere():
    wrong = []
    for document in list((ROOT / "docs").glob("*.md")) + [ROOT / "README.md"] + list((ROOT / "packaging").rglob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text()):
            if not (document.parent / target).exists():
                wrong.append((document.name, target))
    assert wrong == []


def test_all_versions_are_the_headers():
    version = re.search(r'#define VTCLONE_VERSION "(.*)"', HEADER).group(1)
    assert re.search(r"\((.*?)-\d+\)", (ROOT / "packaging/debian/changelog").read_text()).group(1) == version
    assert 'version = "%s"' % version in (ROOT / "python-glue/pyproject.toml").read_text()
    assert 'VERSION = "%s"' % version in (ROOT / "shim/vtclone/_version.py").read_text()
    assert "## %s" % version in (ROOT / "CHANGELOG.md").read_text()


def test_make_help_lists_every_target_of_the_contract_and_every_suite():
    shown = subprocess.run(["make", "--no-print-directory", "-C", str(ROOT), "help"], capture_output=True, text=True,
                           check=True).stdout
    listed = {line.split()[0] for line in shown.splitlines()}
    suites = {suite for fragment in (ROOT / "tests").glob("*/*.mk")
              for names in re.findall(r"^SUITES \+= (.*)$", fragment.read_text(), re.M) for suite in names.split()}
    assert "ops" in suites
    wanted = {"all", "bench", "demo", "test", "asan", "tsan", "valgrind", "fuzz", "abi", "lint", "install", "help"}
    assert sorted((wanted | {"check-" + suite for suite in suites}) - listed) == []


# ---- completion ----

def completions(words):
    script = ("source %s; COMP_WORDS=(%s); COMP_CWORD=%d; _vtclone; printf '%%s\\n' \"${COMPREPLY[@]}\"" % (
        ROOT / "packaging/completion/vtclone", " ".join("'%s'" % word for word in words), len(words) - 1))
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("words, wanted, unwanted", [
    (["d"], {"doctor"}, {"resolve"}), ([""], {"resolve", "clone", "doctor"}, set()),
    (["doctor", "--c"], {"--cinder-conf", "--certify"}, {"--site"}),
    (["resolve", "--format", ""], {"table", "json"}, {"librbd"}),
    (["clone", "--engine", "d"], {"direct"}, {"librbd"}), (["clone", "--volume-type", ""], set(), {"--site"})])
def test_the_shell_completes(words, wanted, unwanted):
    found = completions([PROGRAM] + words)
    assert wanted <= found and not unwanted & found


# ---- container recipes ----

def merged(sections):
    return "".join("[%s]\n%s" % (name, "".join("%s = %s\n" % item for item in options.items()))
                   for name, options in sections.items())


def backend():
    return {"backend": {"volume_driver": "cinder.volume.drivers.rbd.RBDDriver", "volume_backend_name": "ceph",
                        "rbd_pool": "volumes", "rbd_user": "cinder"}}


def codes(tmp_path, text):
    (tmp_path / "cinder.conf").write_text(text)
    (tmp_path / "base.conf").write_text("[DEFAULT]\nenabled_backends = backend\n[service_user]\nauth_type = password\n" +
                                        merged(backend()))
    done = subprocess.run([PROGRAM, "doctor", "--no-ceph", "--format", "json", "--cinder-conf",
                           str(tmp_path / "base.conf"), "--cinder-conf", str(tmp_path / "cinder.conf")],
                          capture_output=True, text=True, check=False)
    return {one["code"] for one in json.loads(done.stdout)["findings"]}


def test_doctor_has_nothing_to_say_to_the_recipes_but_the_metrics_folder(tmp_path):
    helm = yaml.safe_load((ROOT / "packaging/containers/openstack-helm.yaml").read_text())
    assert codes(tmp_path, merged(helm["conf"]["cinder"])) == {"METRICS_DIR_MISSING"}
    kolla = (ROOT / "packaging/containers/kolla-cinder.conf").read_text()
    assert codes(tmp_path, kolla) == {"METRICS_DIR_MISSING"}


def test_the_recipes_mount_the_metrics_folder_that_they_configure():
    helm = yaml.safe_load((ROOT / "packaging/containers/openstack-helm.yaml").read_text())
    mounts = helm["pod"]["mounts"]["cinder_volume"]["cinder_volume"]
    folder = helm["conf"]["cinder"]["vtclone"]["metrics_dir"]
    assert [one["mountPath"] for one in mounts["volumeMounts"]] == [folder]
    assert {one["name"] for one in mounts["volumeMounts"]} == {one["name"] for one in mounts["volumes"]}
    kolla = yaml.safe_load((ROOT / "packaging/containers/kolla-globals.yml").read_text())
    assert kolla["cinder_volume_extra_volumes"] == ["%s:%s" % (folder, folder)]


# ---- JSON ----

def test_every_key_of_a_decision_is_in_its_page():
    source = (ROOT / "plugin/decision_json.c").read_text()
    keys = set(re.findall(r'json_(?:pair|pair_int|key)\(\w+, "(\w+)"', source))
    text = page("vtclone.json.5")
    assert len(keys) > 15 and [key for key in sorted(keys) if not re.search(r"\b%s\b" % key, text)] == []
