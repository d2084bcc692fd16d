"""The binary interface: what is exported, what the header says, and what programs of older releases rely on."""

import os
import pathlib
import re
import shlex
import subprocess

import pytest

TREE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ["VTCLONE_BUILD"])
LIBRARY = BUILD / "libvtclone.so.1"
HEADER = TREE / "include" / "vtclone.h"
MAP = TREE / "plugin" / "libvtclone.map"
RELEASES = sorted(path for path in (TREE / "tests" / "abi").iterdir() if (path / "libvtclone.abi").exists())
CC = shlex.split(os.environ.get("CC", "cc"))


def run(*command, ok=True):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if ok:
        assert done.returncode == 0, done.stdout
    return done


def header_functions(path=HEADER):
    text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)
    return set(re.findall(r"VTCLONE_API[^;]*?\b(vtclone_\w+)\(", text))


def map_symbols():
    """{symbol: version node} of the version script."""
    nodes = re.findall(r"^(\w[\w.]*) \{(.*?)^\}", MAP.read_text(), flags=re.S | re.M)
    return {name: node for node, body in nodes for name in re.findall(r"^\s+(vtclone_\w+);", body, flags=re.M)}


def exported():
    """{symbol: version node} of what the built library exports."""
    out = {}
    for line in run("nm", "-D", "--defined-only", LIBRARY).stdout.splitlines():
        name, _, node = line.split()[2].partition("@@")
        if not line.split()[1] == "A":
            out[name] = node
    return out


def enumerators(path):
    text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)
    names = []
    for body in re.findall(r"\benum \w+ \{(.*?)\}", text, flags=re.S):
        names += re.findall(r"\b(VTCLONE_\w+)\b", body)
    return [name for name in names if name != "VTCLONE_REASON_COUNT"]


def test_the_header_the_map_and_the_library_name_the_same_functions():
    assert header_functions() == set(map_symbols())
    assert exported() == map_symbols()


def test_the_soname_is_that_of_the_major_version():
    major = re.search(r"^#define VTCLONE_VERSION_MAJOR (\d+)$", HEADER.read_text(), flags=re.M).group(1)
    out = run("readelf", "-d", LIBRARY).stdout
    assert "soname: [libvtclone.so.%s]" % major in out


def test_nothing_of_the_library_is_writable_and_executable():
    out = run("readelf", "-lW", LIBRARY).stdout
    assert "GNU_RELRO" in out
    assert not re.search(r"^\s+(LOAD|GNU_STACK)\s.*RWE", out, flags=re.M)
    assert "BIND_NOW" in run("readelf", "-d", LIBRARY).stdout
    assert "TEXTREL" not in run("readelf", "-d", LIBRARY).stdout


@pytest.mark.parametrize("compiler", ["cc -std=c99 -x c", "cc -std=c11 -x c", "g++ -std=c++11 -x c++", "g++ -std=c++20 -x c++"])
def test_the_header_compiles_alone(tmp_path, compiler):
    source = tmp_path / "alone.c"
    source.write_text('#include "vtclone.h"\n#include "vtclone.h"\n'
                      "int main(void) { vtclone_error err; err.code = VTCLONE_OK; return (int)err.code; }\n")
    run(*compiler.split(), "-pedantic-errors", "-Wall", "-Wextra", "-Wstrict-prototypes" if "-x c " in compiler + " " else "-Wshadow",
        "-Werror", "-I", HEADER.parent, "-fsyntax-only", source)


def test_threads_load_use_and_unload_the_library(tmp_path):
    run(*CC, "-std=gnu11", "-I", HEADER.parent, "-o", tmp_path / "dlopen", TREE / "tests" / "abi" / "dlopen.c", "-ldl", "-lpthread")
    run("timeout", "120", tmp_path / "dlopen", LIBRARY)


def test_there_is_a_dump_of_a_release():
    assert RELEASES


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)
def test_no_function_of_a_release_is_gone(release):
    assert header_functions(release / "vtclone.h") <= header_functions()


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)
def test_no_number_of_a_release_has_changed(release, tmp_path):
    names = enumerators(release / "vtclone.h") + ["VTCLONE_ABI"]
    values = []
    for folder in (release, HEADER.parent):
        source = tmp_path / "numbers.c"
        source.write_text('#include "vtclone.h"\n#include <stdio.h>\nint main(void)\n{\n%s\n    return 0;\n}\n' % "\n".join(
            '    printf("%s %%lld\\n", (long long)%s);' % (name, name) for name in names))
        run(*CC, "-I", folder, "-o", tmp_path / "numbers", source)
        values.append(run(tmp_path / "numbers").stdout)
    assert values[0] == values[1]


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)
def test_a_program_of_a_release_runs_with_this_library(release, tmp_path):
    run(*CC, "-std=c99", "-Wall", "-Wextra", "-Werror", "-I", release, "-o", tmp_path / "user", TREE / "tests" / "abi" / "user.c",
        "-L", BUILD, "-l:libvtclone.so.1", "-Wl,-rpath," + str(BUILD))
    run(tmp_path / "user")


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)
def test_abidiff_finds_nothing_that_would_break_a_program_of_a_release(release):
    done = run("abidiff", "--exported-interfaces-only", "--no-added-syms", "--suppressions", TREE / "tests" / "abi" / "abidiff.supp",
               release / "libvtclone.abi", TREE / "build" / "abi" / "libvtclone.so.1", ok=False)
    assert done.returncode == 0, done.stdout
