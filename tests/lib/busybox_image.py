"""A small image of two layers in which a shell runs: busybox, an /etc, two users; nothing of what runtimes make."""

import os
import pathlib
import shutil
import subprocess

import pytest

USER = 1000

ETC = {
    "passwd": f"root:x:0:0:root:/root:/bin/sh\napp:x:{USER}:{USER}:app:/home/app:/bin/sh\n",
    "group": f"root:x:0:\napp:x:{USER}:\n",
    "os-release": "ID=rofuse-test\nVERSION_ID=1\n",
}

# systemd-nspawn asks the image for its users with getent(1), which busybox lacks.
GETENT = """#!/bin/sh
case $1 in
initgroups) echo "$2 " ;;
*) exec grep "^$2:" "/etc/$1" ;;
esac
"""

# Where runtimes mount something before the first process starts, with the kind of place that must be there for that.
PLACES = {
    "/proc": "d", "/sys": "d", "/dev": "d", "/dev/pts": "d", "/dev/shm": "d", "/dev/mqueue": "d", "/dev/console": "f",
    "/etc/hosts": "f", "/etc/hostname": "f", "/etc/resolv.conf": "f", "/run/secrets": "d", "/run/.containerenv": "f",
    "/.dockerenv": "f", "/tmp": "d",
}


def find_busybox():
    """A busybox that needs no libraries; skips the test where there is none."""
    path = shutil.which("busybox", path="/bin:/usr/bin")
    if path is None:
        pytest.skip("no busybox: apt-get install busybox-static")
    libraries = subprocess.run(["ldd", path], capture_output=True, text=True, check=False)
    if libraries.returncode == 0 and "statically" not in libraries.stdout:
        pytest.skip(f"{path} is not static: apt-get install busybox-static")
    return pathlib.Path(path)


def make(directory):
    """Makes the layers below a directory; returns them, bottom first."""
    busybox = find_busybox()
    base, app = pathlib.Path(directory) / "base", pathlib.Path(directory) / "app"
    for part in ("bin", "usr/bin", "etc", "root", "home/app", "var"):
        (base / part).mkdir(parents=True)
    shutil.copy(busybox, base / "bin/busybox")
    applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
    for applet in set(applets) - {"busybox", "getent"}:
        (base / "bin" / applet).symlink_to("busybox")
    (base / "usr/bin/getent").write_text(GETENT)
    (base / "usr/bin/getent").chmod(0o755)
    for name, text in ETC.items():
        (base / "etc" / name).write_text(text)
    os.chown(base / "home/app", USER, USER)
    (base / "etc/hidden").write_text("the app layer hides this\n")

    (app / "etc").mkdir(parents=True)
    (app / "etc/.wh.hidden").touch()
    (app / "app").mkdir()
    (app / "app/config").write_text("of the user\n")
    os.chown(app / "app", USER, USER)
    os.chown(app / "app/config", USER, USER)
    return [base, app]


def copy_flat(layers, target):
    """What the layers show together, and the places of runtimes, as a plain directory: for a run without rofuse."""
    for layer in layers:
        subprocess.run(["cp", "-a", f"{layer}/.", str(target)], check=True)
    for mark in pathlib.Path(target).rglob(".wh.*"):
        (mark.parent / mark.name[len(".wh."):]).unlink()
        mark.unlink()
    for place, kind in PLACES.items():
        path = pathlib.Path(f"{target}{place}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(exist_ok=True) if kind == "d" else path.touch()
    return pathlib.Path(target)
