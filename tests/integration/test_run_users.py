"""Programs in containers of an ordinary user: alone in a user namespace, or with a range of users; nothing needs root."""

import json
import os
import shutil
import stat
import subprocess

import busybox_image
import container
import pytest
import rofuse_test
import runtimes

USER = busybox_image.USER
FIRST = 300000


@pytest.fixture
def place(scratch):
    """Layers that belong to the user, as those that he has unpacked; copies of the programs that he can reach."""
    layers = busybox_image.make(scratch / "image")
    for layer in layers:
        subprocess.run(["chown", "-R", "-h", f"{USER}:{USER}", str(layer)], check=True)
    for program in (rofuse_test.BINARY, container.DRIVER):
        shutil.copy(program, scratch)
    home = scratch / "home"
    (home / "mnt").mkdir(parents=True)
    os.chown(home, USER, USER)
    os.chown(home / "mnt", USER, USER)
    device = scratch / "fuse"
    os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(10, 229))
    device.chmod(0o666)
    return scratch


@pytest.fixture
def ranges(scratch):
    """Shell words that give the user a range in a mount namespace of his own."""
    for name in ("newuidmap", "newgidmap"):
        path = shutil.which(name)
        if path is None or not (os.stat(path).st_mode & stat.S_ISUID or os.listxattr(path)):
            pytest.skip(f"{name} has no privileges: package uidmap")
    for name in ("subuid", "subgid"):
        (scratch / name).write_text(f"{USER}:{FIRST}:65536\n")
    return f"mount --bind {scratch}/subuid /etc/subuid; mount --bind {scratch}/subgid /etc/subgid"


NO_RANGES = "mount --bind /dev/null /etc/subuid; mount --bind /dev/null /etc/subgid"

# The mount is made by the user too: by himself, or inside the namespace that the driver enters.
SCRIPT = r"""
exec 2>&1
"$place/rofuse" mount --state-dir "$home/state" --name users --log "file:$home/log" --log-format json --log-fold off \
    --layer "$place/image/base" --layer "$place/image/app" --tmpfs /tmp --volume data:/data "$home/mnt" >"$home/said" 2>&1
"$place/run_spec_driver" "$spec"
echo "status $?"
"$place/rofuse" umount --state-dir "$home/state" "$home/mnt" && echo unmounted
"""


def run(place, prepare, script, commands=SCRIPT, **spec):
    """As the user, in a mount namespace in which /dev/fuse is usable; the output's lines."""
    described = container.describe(place, place / "home/mnt", script, **spec)
    outer = f'{prepare}; mount --bind "$place/fuse" /dev/fuse; exec setpriv --reuid={USER} --regid={USER} --clear-groups ' \
            f'sh -eu -c "$script"'
    environment = {"PATH": container.PATH, "HOME": str(place / "home"), "home": str(place / "home"), "place": str(place),
                   "spec": str(described), "script": commands.replace("exec 2>&1", "exec 2>&1; set +e")}
    result = subprocess.run(["unshare", "--mount", "sh", "-eu", "-c", outer], env=environment, cwd="/", text=True,
                            stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=60)
    lines = result.stdout.splitlines()
    assert lines and lines[-1] == "unmounted", (result, (place / "home/said").read_text())
    return lines[:-1]


INSIDE = r"""
echo $(id -u) $(id -g)
grep -E "^(CapEff|NoNewPrivs)" /proc/self/status | tr '\t' ' '
echo x 2>&1 >/etc/resolv.conf || echo x 2>&1 >/etc/new
echo y >/tmp/file && cat /tmp/file
echo z >/data/file && stat -c '%u %U' /data/file
(echo x >/sys/kernel/mm/x) 2>&1 | grep -c "Read-only"
echo >/dev/null && test -c /dev/random && head -c 4 /dev/urandom | wc -c
echo shm >/dev/shm/a && cat /dev/shm/a
test -r /proc/1/status && hostname
"""


def view(uid, owner):
    return [f"{uid} {uid}", f"CapEff: {'00000000a80425fb' if uid == 0 else '0' * 16}", "NoNewPrivs: 1",
            "y", f"{uid} {owner}", "1", "4", "shm", "box", "status 0"]


def without_refusals(lines):
    refusals = [line for line in lines if "can't create /etc/" in line]
    assert len(refusals) == 2 and all("Read-only file system" in line for line in refusals), lines
    return [line for line in lines if line not in refusals]


@pytest.mark.parametrize("uid,owner", [(0, "root"), (USER, "app")], ids=["root", "user"])
def test_alone(place, uid, owner):
    """Without ranges the user is whoever the image wants, root or not."""
    lines = run(place, NO_RANGES, INSIDE, user=str(uid))
    assert without_refusals(lines) == view(uid, owner)
    records = [json.loads(line) for line in (place / "home/log").read_text().splitlines()]
    denied = [r for r in records if r["event"] == "denied"]
    assert [(r["path"], r["process"]["exe"], r["process"]["pid_inside"]) for r in denied] == [("/etc/new", "/bin/busybox", 2)]


def test_range(place, ranges):
    """With a range root inside is the user, and root can become others."""
    script = r"""
    cat /proc/self/uid_map | tr -s ' '
    id -G
    touch /tmp/of-root && chown 1000:1000 /dev/shm && stat -c %u /dev/shm
    """
    lines = run(place, ranges, script)
    assert lines == [" 0 1000 1", f" 1 {FIRST} 65536", "0", "1000", "status 0"], lines


def test_user_who_does_not_exist_is_said(place, ranges):
    lines = run(place, ranges, "id", user="4000000")
    assert lines[-1] == "status 125"
    assert len([line for line in lines if "user 4000000" in line and "subuid" in line]) == 1, lines


ENTERED = r"""
mkdir -p /tmp/x; echo $(id -u) $(stat -c %u /etc/passwd); cat /proc/self/uid_map | tr -s ' '
"""


@pytest.mark.parametrize("with_range", [False, True], ids=["alone", "range"])
def test_entering_first(place, ranges, with_range):
    """run_ids_enter(): what comes after it is root of a namespace, and its container needs no other one."""
    lines = run(place, ranges if with_range else NO_RANGES, ENTERED, enter=True)
    maps = [" 0 1000 1"] + ([f" 1 {FIRST} 65536"] if with_range else [])
    assert lines == ["0 0", *maps, "status 0"], lines


def test_entering_first_and_another_user(place):
    """Root of a namespace of one, and an image that wants another user: one more namespace, in which he is that user."""
    lines = run(place, NO_RANGES, "echo $(id -u) $(id -g)", enter=True, user="app")
    assert lines == [f"{USER} {USER}", "status 0"], lines


def test_mount_made_in_the_namespace(place, ranges):
    """As `rofuse run` does it: the daemon is in the namespace too, owners are those of the image, and EROFS is the answer."""
    subprocess.run(["chown", "-R", "-h", f"{FIRST + USER - 1}:{FIRST + USER - 1}", str(place / "image/app/app")], check=True)
    rofuse, home = str(place / "rofuse"), place / "home"
    mount = [rofuse, "mount", "--state-dir", f"{home}/state", "--name", "users", "--log", f"file:{home}/log", "--log-format",
             "json", "--log-fold", "off", "--layer", f"{place}/image/base", "--layer", f"{place}/image/app", "--tmpfs",
             "/tmp", "--volume", "data:/data", f"{home}/mnt"]
    script = "id -u; stat -c '%n %U' /etc/passwd /app/config; echo x >/app/config; echo x >/etc/new; echo y >/tmp/a; ls -l /tmp/a"
    commands = 'exec 2>&1\n"$place/run_spec_driver" "$spec"\necho "status $?"\necho unmounted\n'
    lines = run(place, ranges, script, commands=commands, enter=True, user="app", before=mount,
                after=[rofuse, "umount", "--state-dir", f"{home}/state", f"{home}/mnt"])
    assert lines[0:3] == ["1000", "/etc/passwd root", "/app/config app"], lines
    assert [line.rpartition(": ")[2] for line in lines[3:5]] == ["Read-only file system"] * 2, lines
    assert " app " in lines[5] and lines[6] == "status 0", lines
    records = [json.loads(line) for line in (home / "log").read_text().splitlines()]
    assert [(r["path"], r["process"]["uid"]) for r in records if r["event"] == "denied"] == [("/app/config", 1000), ("/etc/new", 1000)]


@pytest.mark.parametrize("enter", [False, True], ids=["outside", "entered"])
@pytest.mark.parametrize("runtime", ["runc", "crun", "bwrap"])
def test_other_runtimes(place, ranges, runtime, enter):
    """They make the user namespace themselves, or run in the one that was entered."""
    if runtimes.missing(runtime):
        pytest.skip(f"{runtime} is not installed")
    prepare = ranges
    if runtime == "crun":  # it refuses the hybrid set-up of cgroups
        prepare += "; umount -R /sys/fs/cgroup 2>/dev/null || true; mount -t cgroup2 cgroup2 /sys/fs/cgroup"
    lines = run(place, prepare, INSIDE, runtime=runtime, enter=enter)
    assert without_refusals(lines) == view(0, "root"), lines
