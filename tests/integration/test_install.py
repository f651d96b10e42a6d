"""cmake --install puts everything where it belongs; the status names what an anonymous volume is kept in."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest
import rofuse_test


def test_install(scratch):
    build = pathlib.Path(rofuse_test.BINARY).parent
    if not (build / "cmake_install.cmake").exists() or shutil.which("cmake") is None:
        pytest.skip("the binary does not lie in its build directory")
    environment = {**os.environ, "DESTDIR": str(scratch / "root")}
    subprocess.run(["cmake", "--install", str(build), "--prefix", "/usr"], env=environment, check=True, stdout=subprocess.DEVNULL)
    root = scratch / "root" / "usr"
    said = subprocess.run([root / "bin/rofuse", "--version"], capture_output=True, text=True, check=True).stdout
    assert said.startswith("rofuse ")
    page = root / "share/man/man1/rofuse.1"
    warnings = subprocess.run(["man", "--warnings", "-l", str(page)], capture_output=True, text=True, check=True,
                              env={**os.environ, "MANWIDTH": "80", "LC_ALL": "C.UTF-8"})
    assert warnings.stderr == "" and "MOUNTPOINT" in warnings.stdout
    schemas = [json.loads(path.read_text())["$id"] for path in (root / "share/rofuse").glob("*.schema.json")]
    assert sorted(schemas) == sorted(f"urn:rofuse:{name}:1" for name in ("advice", "control", "facts", "knowledge", "learn", "log", "why"))


def test_anonymous_volume_is_named(rofuse):
    mount = rofuse(volume=["/cache"])
    mount.path("/cache/file").write_text("kept")
    command = [rofuse_test.BINARY, "status", "--json", "--state-dir", str(mount.state)]
    (one,) = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)["mounts"]
    (route,) = one["routes"]
    assert (mount.state / "volumes" / route["source"] / "_data" / "file").read_text() == "kept"
