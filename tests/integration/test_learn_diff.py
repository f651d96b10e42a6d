"""rofuse learn diff while what it looks at changes."""

import concurrent.futures
import ctypes
import os
import pathlib
import subprocess
import threading

from control import Control
import rofuse_test


def test_diff_waits_for_nobody(rofuse, scratch):
    """A file that is compared with the image's and is a fifo by the time that it is opened."""
    (scratch / "layer" / "var").mkdir(parents=True)
    (scratch / "layer" / "var" / "data").write_text("ten bytes\n")
    mount = rofuse(layers=[scratch / "layer"], extra=["--learn"])
    path, fifo = mount.path("/var/data"), mount.path("/var/fifo")
    path.write_text("other byte\n")
    os.mkfifo(fifo)
    ended = threading.Event()

    def exchange():
        libc = ctypes.CDLL(None)
        while not ended.is_set():
            libc.renameat2(-1, os.fsencode(path), -1, os.fsencode(fifo), 2)

    with concurrent.futures.ThreadPoolExecutor() as pool, Control(mount) as control:
        exchanging = pool.submit(exchange)
        try:
            for _ in range(1000):
                assert {change["path"] for change in control.result("learn.diff")["changes"]} <= {"/var/data", "/var/fifo"}
        finally:
            ended.set()
        exchanging.result()


def changes_of(mount):
    with Control(mount) as control:
        return {change["path"]: change for change in control.result("learn.diff")["changes"]}


def kinds_of(mount):
    return {path: (change["kind"], change["from"], change.get("changed", False)) if "from" in change else change["kind"]
            for path, change in changes_of(mount).items()}


def test_renamed(rofuse, scratch):
    """Directories and files that were renamed, however often, whatever was done to them before and after."""
    layer = scratch / "layer"
    for name in ("etc", "usr/share/doc", "opt"):
        (layer / name).mkdir(parents=True)
    for name in ("etc/plain", "etc/before", "etc/after", "etc/mode", "etc/twice", "etc/a", "etc/b", "usr/share/doc/inner", "usr/share/doc/kept"):
        (layer / name).write_text(name)
    (layer / "usr/share/doc/below").mkdir()
    os.symlink("nowhere", layer / "etc/symbolic")
    mount = rofuse(layers=[layer], extra=["--learn"])
    root = mount.point
    os.rename(root / "etc/plain", root / "opt/plain")
    (root / "etc/before").write_text("changed")
    os.rename(root / "etc/before", root / "opt/before")
    os.rename(root / "etc/after", root / "opt/after")
    (root / "opt/after").write_text("changed")
    os.chmod(root / "etc/mode", 0o600)
    os.rename(root / "etc/mode", root / "opt/mode")
    for name in ("one", "two", "three"):
        os.rename(root / "etc" / {"one": "twice", "two": "one", "three": "two"}[name], root / "etc" / name)
    os.rename(root / "etc/symbolic", root / "opt/symbolic")
    os.rename(root / "usr/share", root / "usr/moved")
    os.rename(root / "usr/moved/doc/inner", root / "etc/inner")
    os.rename(root / "usr/moved/doc/below", root / "opt/below")
    os.rename(root / "etc/a", root / "swap")
    os.rename(root / "etc/b", root / "etc/a")
    os.rename(root / "swap", root / "etc/b")
    expected = {
        "/opt/plain": ("renamed", "/etc/plain", False), "/opt/before": ("renamed", "/etc/before", True),
        "/opt/after": ("renamed", "/etc/after", True), "/opt/mode": ("renamed", "/etc/mode", True),
        "/etc/three": ("renamed", "/etc/twice", False), "/opt/symbolic": ("renamed", "/etc/symbolic", False),
        "/usr/moved": ("renamed", "/usr/share", False), "/opt/below": ("renamed", "/usr/share/doc/below", False),
        "/etc/inner": ("renamed", "/usr/share/doc/inner", False),
        "/etc/a": "changed", "/etc/b": "changed"}
    assert kinds_of(mount) == expected
    pathlib.Path("/proc/sys/vm/drop_caches").write_text("2")
    assert kinds_of(mount) == expected
    assert not [name for name in os.listxattr(root / "opt/plain") if "overlay" in name or "rofuse" in name]
    text = subprocess.run([rofuse_test.BINARY, "learn", "diff", "--state-dir", str(mount.state)], capture_output=True, text=True, check=True).stdout
    assert "/opt/plain (was /etc/plain)\n" in text and "/opt/before (was /etc/before; changed)\n" in text


def test_not_renamed(rofuse, scratch):
    """What only looks like it: the same name or content, another file of the old name, one of several names."""
    layer = scratch / "layer"
    (layer / "etc").mkdir(parents=True)
    (layer / "opt/gone").mkdir(parents=True)
    for name in ("etc/copied", "etc/again", "etc/first", "etc/over", "etc/under", "opt/gone/file"):
        (layer / name).write_text(name)
    os.link(layer / "etc/first", layer / "etc/second")
    mount = rofuse(layers=[layer], extra=["--learn"])
    root = mount.point
    subprocess.run(["cp", "-a", root / "etc/copied", root / "etc/copy"], check=True)
    (root / "etc/copied").unlink()
    os.rename(root / "etc/again", root / "etc/moved")
    (root / "etc/again").write_text("another")
    os.rename(root / "etc/first", root / "etc/third")
    os.rename(root / "etc/over", root / "etc/under")
    os.rename(root / "opt/gone/file", root / "opt/file")
    (root / "opt/gone").rmdir()
    kinds = kinds_of(mount)
    kinds.pop("/etc/second", None)  # one of the file's names was copied, and with it the others
    assert kinds == {"/etc/copy": "added", "/etc/copied": "removed", "/etc/moved": "added", "/etc/again": "changed", "/etc/third": "added",
                     "/etc/first": "removed", "/etc/over": "removed", "/etc/under": "changed", "/opt/file": "added", "/opt/gone": "removed"}
    os.link(root / "etc/moved", root / "etc/moved2")
    (root / "etc/again").unlink()
    kinds = kinds_of(mount)
    assert (kinds["/etc/moved"], kinds["/etc/moved2"], kinds["/etc/again"]) == ("added", "added", "removed")


def test_files_with_holes(rofuse):
    """Of sizes that no number holds when they are added up."""
    mount = rofuse(extra=["--learn"])
    mount.path("/new").mkdir()
    for name in ("/one", "/two", "/new/one", "/new/two"):
        with open(mount.path(name), "wb") as file:
            file.truncate((1 << 63) - 1)
    with Control(mount) as control:
        diff = control.result("learn.diff")
    assert diff["bytes"] == (1 << 63) - 1 and {change["size"] for change in diff["changes"]} == {(1 << 63) - 1}
