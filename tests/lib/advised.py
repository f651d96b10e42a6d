"""A mount that has refused some writes, what rofuse advise says about them, and the log of it for those who only read."""

import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

from compose_config import ENVIRONMENT
import rofuse_test

# What is to be declared, beside npm_config_cache=/tmp/npm.
EXPECTED = ["--tmpfs", "/tmp:exec", "-v", "data:/data", "--tmpfs", "/run/postgresql:mode=0755,uid=70,gid=70"]


def advise(*words, cwd="/", status=0, text=None):
    result = subprocess.run([rofuse_test.BINARY, "advise", *map(str, words)], capture_output=True, text=True, check=False,
                            timeout=60, cwd=cwd, env=ENVIRONMENT, input=text or "")
    assert result.returncode == status, result
    assert not rofuse_test.SUSPICIOUS.search(result.stderr), result.stderr
    return result


def refused(*words, status=2, cwd="/"):
    """The one line about what is wrong."""
    result = advise(*words, status=status, cwd=cwd)
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("rofuse: "), result.stderr
    return lines[0].removeprefix("rofuse: ")


def make_image(layer):
    """With the places that most images have."""
    for name, mode, owner in (("tmp", 0o1777, 0), ("run/postgresql", 0o2775, 70), ("data", 0o755, 0), ("root", 0o700, 0),
                              ("etc/prog", 0o755, 0), ("var/cache/prog", 0o755, 0)):
        path = layer / name
        path.mkdir(parents=True)
        os.chown(path, owner, owner)
        path.chmod(mode)
    (layer / "etc/prog/conf").write_text("setting\n")
    (layer / "var/run").symlink_to("/run")
    return layer


def try_to_write(mount, *scripts, uid=0):
    for script in scripts:
        subprocess.run(["sh", "-c", script], cwd=mount.point, check=False, capture_output=True, user=uid, group=uid)


def fail_as_programs_do(mount, scratch):
    """Four refusals: npm's script, data, a program that is no root's, npm's cache."""
    shutil.copy("/usr/bin/mkdir", scratch / "node")
    subprocess.run([scratch / "node", mount.path("/tmp/startprod65789.sh")], check=False, capture_output=True)
    try_to_write(mount, "echo > data/db")
    try_to_write(mount, "echo > run/postgresql/lock", uid=70)
    subprocess.run([scratch / "node", mount.path("/root/.npm")], check=False, capture_output=True)
    assert len(mount.records(at_least=4)) == 4


def verify_unit(scratch, dropin):
    """systemd finds no fault with it."""
    unit = scratch / "advised.service"
    unit.write_text(f"[Unit]\nDescription=x\n{dropin}\nRootDirectory=/\nExecStart=/bin/true\n")
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not there")
    result = subprocess.run(["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False,
                            timeout=60)
    assert "advised.service" not in result.stderr, result.stderr


class Refusals:
    """The layer and the log of a mount that has ended."""

    def __init__(self):
        base = os.environ.get("ROFUSE_TEST_DIR", "/var/tmp")
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="rofuse-test.", dir=base))
        self.scratch.chmod(0o755)
        self.layer = make_image(self.scratch / "layer")
        mount = rofuse_test.Mount(self.scratch, layers=[self.layer])
        try:
            fail_as_programs_do(mount, self.scratch)
        finally:
            mount.end()
        mount.check_daemon_output()
        self.name = mount.point.name
        self.log = mount.log_path
        self.words = ["--from", str(self.log), "--layer", str(self.layer)]

    def remove(self):
        shutil.rmtree(self.scratch, ignore_errors=True)
