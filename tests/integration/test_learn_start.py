"""How learn mode begins: with rofuse run, as root of a user namespace, without the right to mount, with wrong words."""

import json
import os
import shutil
import subprocess

import busybox_image
import learning
import pytest
import rofuse_test
from denial_log import fingerprint
from learning import rofuse_command

USER_NAMESPACE = r"""
set -e
cd "$1"
echo x > etc/passwd; cat etc/passwd
echo more >> etc/linked; cat etc/linked
mkdir -p a/b; mv a c; rm etc/rare
mv usr/share usr/moved; cat usr/moved/doc/kept; test ! -e usr/share
echo 2 > /proc/sys/vm/drop_caches 2>/dev/null || true
cat etc/passwd
"""


@pytest.fixture(name="layers")
def fixture_layers(scratch):
    return learning.make_layers(scratch)


@pytest.mark.slow
def test_in_a_user_namespace(scratch, layers):
    """As root of a user namespace, where overlayfs has neither file handles nor trusted attributes."""
    point, log = scratch / "point", scratch / "log"
    point.mkdir()
    words = [rofuse_test.BINARY, "mount", "--learn", "--state-dir", str(scratch / "ustate"), "--log", f"file:{log}", "--log-fold", "off"]
    for layer in layers:
        words += ["--layer", str(layer)]
    command = 'shift; "$@" && sh -c "$SCRIPT" sh "$POINT" && "$ROFUSE" learn diff --json --state-dir "$STATE" && umount "$POINT"'
    environment = {**os.environ, "SCRIPT": USER_NAMESPACE, "POINT": str(point), "ROFUSE": rofuse_test.BINARY, "STATE": str(scratch / "ustate")}
    for path in [*layers, *(entry for layer in layers for entry in layer.rglob("*"))]:
        os.lchown(path, 0, 0)
    result = subprocess.run(["unshare", "-Urm", "sh", "-c", command, "sh", "", *words, str(point)], env=environment, timeout=60,
                            capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("x\nlinks\nmore\nkept\nx\n"), result.stdout
    changes = json.loads(result.stdout[result.stdout.index("{"):])["changes"]
    assert {change["path"]: change["kind"] for change in changes}["/etc/passwd"] == "changed"
    records = [json.loads(line) for line in log.read_text().splitlines()]
    told = [(record["operation"], record["path"]) for record in records if record.get("learned")]
    assert told.count(("open", "/etc/passwd")) == 1 and ("rename", "/a") in told
    # overlayfs says EXDEV: mv(1) copies the directory and removes it, and only that has happened.
    assert not [record for record in records if (record["operation"], record["path"]) == ("rename", "/usr/share")]
    assert {("mkdir", "/usr/moved"), ("create", "/usr/moved/doc/kept"), ("unlink", "/usr/share/doc/kept"), ("rmdir", "/usr/share")} <= set(told)
    kinds = {change["path"]: change["kind"] for change in changes}
    assert (kinds["/usr/moved"], kinds["/usr/share"]) == ("added", "removed")


def test_without_the_right(scratch, layers):
    """An ordinary user is told what it takes, and nothing is left."""
    point = scratch / "point"
    point.mkdir()
    os.chmod(scratch, 0o755)
    os.chown(point, 1234, 1234)
    (scratch / "ustate").mkdir()
    os.chown(scratch / "ustate", 1234, 1234)
    words = [rofuse_test.BINARY, "mount", "--learn", "--state-dir", str(scratch / "ustate"), "--layer", str(layers[0]), str(point)]
    result = subprocess.run(["setpriv", "--reuid=1234", "--regid=1234", "--clear-groups", *words], capture_output=True, text=True,
                            check=False, timeout=60)
    assert result.returncode == 1
    assert result.stderr.startswith("rofuse: learn mode: ") and "unshare -Urm" in result.stderr and result.stderr.count("\n") == 1
    assert not rofuse_test.is_mounted(point)


def test_run(scratch, layers):
    """One run shows all places; nothing is left of it."""
    shutil.copy(busybox_image.find_busybox(), layers[0] / "bin/busybox")
    before = [fingerprint(layer) for layer in layers]
    words = [rofuse_test.BINARY, "run", "--learn", "--state-dir", str(scratch / "rstate"), "--tmpfs", "/run"]
    for layer in layers:
        words += ["--layer", str(layer)]
    script = "echo x > /etc/conf && busybox mkdir -p /app/data && echo x > /app/data/file && echo x > /run/file && busybox cat /etc/conf"
    result = subprocess.run([*words, "--", "/bin/busybox", "sh", "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert (result.returncode, result.stdout) == (0, "x\n"), result.stderr
    assert "4 writes would have been refused; learn mode let them happen\n" in result.stderr
    assert all(place in result.stderr for place in ("/etc/conf", "/app/data/file", "/app/data")) and "/run/file" not in result.stderr
    report = subprocess.run([*words, "--report", "json", "--", "/bin/busybox", "touch", "/etc/one"], capture_output=True, text=True,
                            check=False, timeout=60)
    assert (json.loads(report.stderr)["denied"], json.loads(report.stderr)["learned"]) == (1, 1)
    assert [fingerprint(layer) for layer in layers] == before


def test_wrong_words(rofuse):
    mount = rofuse()
    for words, told in ((["learn"], "on|off|diff"), (["learn", "of"], "of: no such command"), (["learn", "on", "a", "b"], "one mount point")):
        assert told in rofuse_command(mount, *words, status=2)
