"""Mounts without root: through fusermount3, in a user namespace of one user, in one with a range of users."""

import json
import os
import pathlib
import re
import shutil
import signal
import stat
import subprocess
import time

import busybox_image
import pytest
import rofuse_test

USER = busybox_image.USER

# The common part: sets up $mnt, writes what may be written, tries what may not, shows the state.
MOUNT = r"""
exec 2>&1
"$rofuse" mount --state-dir "$state" --name "$name" --log "file:$log" --log-format json --log-fold off \
    --layer "$base" --layer "$app" --tmpfs /tmp:size=1m,exec -v data:/data "$mnt"
"""
WRITE = r"""
echo one >"$mnt/tmp/file" && cat "$mnt/tmp/file"
echo two >"$mnt/data/file" && cat "$mnt/data/file"
sh -c 'echo "pid $$"; echo three >"$1/etc/forbidden"' sh "$mnt" && echo "written" || echo "refused"
head -c 2000000 /dev/zero 2>/dev/null >"$mnt/tmp/big" || echo "big: status $?"
rm "$mnt/tmp/big"
"""
END = r"""
"$rofuse" status --state-dir "$state" "$mnt"
"$rofuse" umount --state-dir "$state" "$mnt" && echo "unmounted"
test ! -e "$mnt/etc" && echo "gone"
"""

# A user namespace that others give its users to; in one process, as exec(2) takes the capabilities from a nobody.
BECOME_ROOT = """
import ctypes, os, sys
CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000
if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0:
    raise OSError(ctypes.get_errno(), "unshare")
os.write(1, b"ready\\n")
sys.stdin.readline()
os.setresgid(0, 0, 0)
os.setresuid(0, 0, 0)
os.setgroups([])
os.execvp("sh", ["sh", "-eu", "-c", sys.argv[1]])
"""


@pytest.fixture
def place(scratch):
    """Everything the scripts need, below a directory that the user owns; a copy of rofuse that he can reach."""
    layers = busybox_image.make(scratch / "image")
    shutil.copy(rofuse_test.BINARY, scratch / "rofuse")
    home = scratch / "home"
    (home / "mnt").mkdir(parents=True)
    for path in (home, home / "mnt"):
        os.chown(path, USER, USER)
    variables = {"rofuse": scratch / "rofuse", "state": home / "state", "log": home / "log", "mnt": home / "mnt",
                 "base": layers[0], "app": layers[1], "name": f"user{os.getpid()}"}
    yield variables
    for process in daemons_below(scratch):
        os.kill(process, signal.SIGKILL)


def daemons_below(scratch):
    """What the copy of rofuse in the scratch directory still runs."""
    found = []
    for link in pathlib.Path("/proc").glob("[0-9]*/exe"):
        try:
            if os.readlink(link).startswith(f"{scratch}/rofuse"):
                found.append(int(link.parent.name))
        except OSError:
            continue
    return found


@pytest.fixture
def device(scratch):
    """A /dev/fuse for everybody: 0600 on some machines, and not ours to change."""
    tried = subprocess.run(["unshare", "--mount", "true"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"no mount namespace can be made: {tried.stderr.strip()}")
    node = scratch / "fuse"
    os.mknod(node, stat.S_IFCHR | 0o666, os.makedev(10, 229))
    node.chmod(0o666)
    try:
        os.close(os.open(node, os.O_RDWR))
    except OSError as error:
        pytest.skip(f"no /dev/fuse: {error}")
    return node


def as_user(script):
    return ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", *script]


def run(place, device, argv, maps=None):
    """Runs a command in a mount namespace of its own in which /dev/fuse is usable; returns what it printed."""
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(place["state"].parent), "LC_ALL": "C",
                   **{key: str(value) for key, value in place.items()}}
    bind = 'mount --bind "$0" /dev/fuse && exec "$@"'
    process = subprocess.Popen(["unshare", "--mount", "sh", "-c", bind, str(device), *argv], env=environment, cwd="/",
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if maps is not None:
        # The command says when its namespace is there; only then can its users be given to it.
        assert process.stdout.readline() == b"ready\n"
        for name in ("uid_map", "gid_map"):
            pathlib.Path(f"/proc/{process.pid}/{name}").write_text(maps)
    output, _ = process.communicate(b"go\n", timeout=60)
    output = output.decode(errors="replace")
    assert process.returncode == 0, output
    return output


def check_output(output):
    for line in ("one", "two", "refused", "unmounted", "gone"):
        assert re.search(rf"^{line}$", output, re.MULTILINE), output
    assert "etc/forbidden: Read-only file system" in output
    # dd's and cat's words differ; the route's size is what matters.
    assert re.search(r"^big: status [1-9]", output, re.MULTILINE), output
    assert not rofuse_test.SUSPICIOUS.search(output.replace("rofuse: ", "")), output


def denials(place, path):
    """The records of a path, once the daemon has ended: whoever held the mount may have been gone a moment later."""
    deadline = time.monotonic() + 60
    while daemons_below(place["rofuse"].parent) and time.monotonic() < deadline:
        time.sleep(0.02)
    events = [json.loads(line) for line in place["log"].read_text().splitlines()]
    return [e for e in events if e["event"] == "denied" and e["path"] == path]


def check_record(place, output, uid, path="/etc/forbidden"):
    found = denials(place, path)
    assert len(found) == 1, place["log"].read_text()
    process = found[0]["process"]
    pids = re.findall(r"^pid (\d+)$", output, re.MULTILINE)
    assert str(process["pid"]) in pids
    assert (found[0]["errno"], found[0]["why"], process["uid"]) == ("EROFS", "not-declared", uid)


def test_fusermount3(place, device):
    """An ordinary user, who has nothing but fusermount3."""
    fusermount = shutil.which("fusermount3")
    if fusermount is None or not os.stat(fusermount).st_mode & stat.S_ISUID:
        pytest.skip("fusermount3 is not installed set-user-ID: package fuse3")
    output = run(place, device, as_user(["sh", "-eu", "-c", MOUNT + WRITE + END]))
    check_output(output)
    check_record(place, output, USER)
    # Whom the daemon may not look at, of him it does not say where he lives.
    parents = denials(place, "/etc/forbidden")[0]["process"]["parents"]
    assert parents[0]["outside"] is False
    assert [sorted(parent) for parent in parents if parent["pid"] == os.getpid()] == [["comm", "exe", "pid"]]
    assert (place["state"] / "volumes/data/_data/file").stat().st_uid == USER
    # What an ordinary user cannot have is said when it is mounted, and by status.
    assert output.count("only this user can change files in tmpfs and volumes") == 2
    if "user_allow_other" not in re.findall(r"^\s*(\w+)", pathlib.Path("/etc/fuse.conf").read_text(), re.MULTILINE):
        assert output.count("cannot enter the mount") == 2


def test_ordinary_user_runs_a_container(place, device):
    """bubblewrap of the same user, with the mount as its root."""
    if shutil.which("bwrap") is None or shutil.which("fusermount3") is None:
        pytest.skip("bubblewrap or fuse3 is not installed")
    plain = as_user(["bwrap", "--bind", "/", "/", "--unshare-pid", "true"])
    tried = subprocess.run(plain, capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"bubblewrap does not start as a user: {tried.stderr}")
    inside = r"""
bwrap --bind "$mnt" / --proc /proc --dev /dev --unshare-pid --as-pid-1 /bin/sh -c '
    echo "inside uid $(id -u) pid $$"; echo four >/etc/forbidden; echo five >/data/file; cat /data/file'
"""
    output = run(place, device, as_user(["sh", "-eu", "-c", MOUNT + inside + END]))
    assert f"inside uid {USER} pid 1\n" in output
    assert "/etc/forbidden: Read-only file system" in output
    assert "\nfive\n" in output
    found = denials(place, "/etc/forbidden")
    assert len(found) == 1
    assert found[0]["process"]["pid_inside"] == 1
    assert found[0]["process"]["pid"] > 1


def in_namespace_of_one(script):
    return as_user(["unshare", "--user", "--map-root-user", "--mount", "sh", "-eu", "-c", script])


def test_user_namespace_of_one_user(place, device):
    """unshare -Ur -m: root of a namespace in which nobody but he exists, with an image that he unpacked."""
    for layer in (place["base"], place["app"]):
        subprocess.run(["chown", "-R", "-h", f"{USER}:{USER}", str(layer)], check=True)
    inside = r"""
chroot "$mnt" /bin/sh -c 'echo "inside uid $(id -u)"; echo "pid $$"; echo four >/app/forbidden; echo five >/data/inside'
"""
    output = run(place, device, in_namespace_of_one(MOUNT + WRITE + inside + END))
    check_output(output)
    assert "inside uid 0" in output
    assert "/app/forbidden: Read-only file system" in output
    check_record(place, output, 0)
    check_record(place, output, 0, "/app/forbidden")
    volume = place["state"] / "volumes/data/_data"
    assert [(volume / name).stat().st_uid for name in ("file", "inside")] == [USER, USER]


def test_user_namespace_and_files_of_nobody(place, device):
    """Owners that the namespace does not know: the kernel refuses by itself, and with EACCES, whatever is asked.

    FUSE gives such an inode no owner at all (make_kuid() in fuse_change_attributes_common()), and inode_permission() refuses
    writing for HAS_UNMAPPED_ID() before the file system is asked. What may be written can be written all the same.
    """
    assert place["base"].stat().st_uid == 0
    output = run(place, device, in_namespace_of_one(MOUNT + WRITE + END))
    assert "etc/forbidden: Permission denied" in output
    assert "Read-only file system" not in output
    for line in ("one", "two", "refused", "unmounted", "gone"):
        assert re.search(rf"^{line}$", output, re.MULTILINE), output


def test_user_namespace_with_a_range(place, device):
    """As rootless containers have it: root and other users, all of them somebody else outside."""
    first = 200000
    for path in (place["mnt"], place["mnt"].parent):
        os.chown(path, first, first)
    for layer in (place["base"], place["app"]):
        subprocess.run(["chown", "-R", "-h", f"{first}:{first}", str(layer)], check=True)
    inside = r"""
chmod 1777 "$mnt/data"
as_user="setpriv --reuid=1000 --regid=1000 --clear-groups"
$as_user sh -c 'echo "pid $$"; echo six >"$1/etc/by-user"' sh "$mnt" || echo "refused"
$as_user sh -c 'echo seven >"$1/data/by-user"' sh "$mnt"
stat -c '%n %u' "$mnt/data/by-user"
"""
    script = ["/usr/bin/python3", "-c", BECOME_ROOT, MOUNT + WRITE + inside + END]
    output = run(place, device, script, maps=f"0 {first} 65536\n")
    check_output(output)
    check_record(place, output, 0)
    check_record(place, output, 1000, "/etc/by-user")
    assert f"{place['mnt']}/data/by-user 1000\n" in output
    assert (place["state"] / "volumes/data/_data/by-user").stat().st_uid == first + 1000
    assert (place["state"] / "volumes/data/_data/file").stat().st_uid == first


def test_no_device_is_said(place, device):
    """Where /dev/fuse cannot be opened the error says so, in one line."""
    device.chmod(0o600)
    output = run(place, device, as_user(["sh", "-c", MOUNT + 'echo "status $?"']))
    assert "/dev/fuse" in output
    assert output.rstrip().endswith("status 1")
    assert len([line for line in output.splitlines() if line.startswith("rofuse")]) == 1, output


# Files that the kernel would serve by itself for the root of the host.
LARGE = r"""
"$rofuse" status --json --state-dir "$state" "$mnt" >"$state/before"
cmp "$mnt/large" "$base/large" && echo "same"
head -c 300000 /dev/zero >"$mnt/data/large" && cat "$mnt/data/large" | wc -c
printf changed | dd of="$mnt/data/large" bs=1 conv=notrunc 2>/dev/null && head -c 7 "$mnt/data/large" && echo " in place"
cp "$base/large" "$mnt/data/copy" && cmp "$mnt/data/copy" "$mnt/large" && echo "copied"
"$rofuse" status --json --state-dir "$state" "$mnt" >"$state/after"
"""


@pytest.mark.parametrize("who", ["user", "namespace"])
def test_files_are_served_without_passthrough(place, device, who):
    """Backing files are for CAP_SYS_ADMIN in the initial namespace: here the daemon serves all, and status says so."""
    (place["base"] / "large").write_bytes(os.urandom(1 << 20))
    if who == "user":
        if shutil.which("fusermount3") is None:
            pytest.skip("fusermount3 is not installed: package fuse3")
        script = as_user(["sh", "-eu", "-c", MOUNT + LARGE + END])
    else:
        for layer in (place["base"], place["app"]):
            subprocess.run(["chown", "-R", "-h", f"{USER}:{USER}", str(layer)], check=True)
        script = in_namespace_of_one(MOUNT + LARGE + END)
    output = run(place, device, script)
    for line in ("same", "300000", "changed in place", "copied", "unmounted"):
        assert re.search(rf"^{line}$", output, re.MULTILINE), output
    before, after = (json.loads((place["state"] / name).read_text())["mounts"][0] for name in ("before", "after"))
    assert not before["features"]["passthrough"], "status promises what it cannot have"
    assert not after["features"]["passthrough"] and after["files"]["passthrough"] == 0
    assert after["files"]["daemon"] >= 6
    assert re.search(r"^  fuse +libfuse [\d.]+$", output, re.MULTILINE), output
    assert re.search(r"^  opened +0 by passthrough, \d+ by the daemon", output, re.MULTILINE), output
