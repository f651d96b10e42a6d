"""The size of learn mode's throw-away layer, and what becomes of programs, log and commands when it is full."""

import ctypes
import json
import mmap
import os
import pathlib
import shutil
import signal
import subprocess

import busybox_image
from control import Control
import pytest
import rofuse_test
from learning import rofuse_command

MIB = 1 << 20
LIBC = ctypes.CDLL(None, use_errno=True)


def layer_of(mount):
    """What the status says of the layer."""
    return json.loads(rofuse_command(mount, "status", "--json"))["mounts"][0]["learn_layer"]


def total():
    return next(int(line.split()[1]) for line in pathlib.Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal")) << 10


@pytest.fixture(name="layer")
def fixture_layer(scratch):
    layer = scratch / "layer"
    for name in ("etc", "var", "usr/share/doc"):
        (layer / name).mkdir(parents=True)
    (layer / "var/big").write_bytes(os.urandom(3 * MIB))
    for name in ("etc/one", "etc/two", "usr/share/doc/text"):
        (layer / name).write_text(name)
    return layer


def test_size(rofuse, layer):
    mount = rofuse(layers=[layer])
    assert layer_of(mount) is None
    rofuse_command(mount, "learn", "on")
    assert abs(layer_of(mount)["size"] - total() // 2) <= total() // 20
    assert "is on already, and the size of its layer stays" in rofuse_command(mount, "learn", "on", "--size", "5m", status=1)
    assert rofuse_command(mount, "learn", "on") == "learn mode is on already\n"
    rofuse_command(mount, "learn", "off")
    rofuse_command(mount, "learn", "on", "--size", "5m")
    mount.path("/etc/new").write_bytes(bytes(MIB))
    assert layer_of(mount) == {"size": 5 * MIB, "used": MIB}
    diff = json.loads(rofuse_command(mount, "learn", "diff", "--json"))
    assert (diff["size"], diff["used"], diff["bytes"]) == (5 * MIB, MIB, MIB)
    assert "; the layer holds 1.0\xa0MiB of 5.0\xa0MiB\n" in rofuse_command(mount, "status")
    rofuse_command(mount, "learn", "off")
    assert layer_of(mount) is None and "the layer holds" not in rofuse_command(mount, "status")


def test_size_of_the_mount(rofuse, layer):
    """What the mount was told counts from the beginning, and for whoever switches it on later; until he says another."""
    mount = rofuse(layers=[layer], extra=["--learn", "--learn-size=2m"])
    assert layer_of(mount)["size"] == 2 * MIB
    with Control(mount) as control:
        for size, shown in ((None, 2 * MIB), ("64k", 65536), ("1", 4096), (f"{(1 << 63) - 1}", (1 << 63) - 1), (None, 2 * MIB)):
            control.result("learn.off")
            control.result("learn.on", **({"size": size} if size else {}))
            assert layer_of(mount)["size"] == shown
        for wrong in ("0", "", "1x", "101%", 7, "-1"):
            answer = control.ask("learn.on", size=wrong)
            assert answer["error"]["status"] == 2 and "size" in answer["error"]["message"]


def test_wrong_words(rofuse, layer, scratch):
    mount = rofuse(layers=[layer])
    for words in (["on", "--size", "0"], ["on", "--size", "much"], ["off", "--size", "5m"], ["diff", "--size", "5m"]):
        assert "--size" in rofuse_command(mount, "learn", *words, status=2)
    for command in (["mount"], ["run"]):
        said = subprocess.run([rofuse_test.BINARY, *command, "--learn-size", "0%", "--layer", str(layer), *([str(scratch)] * (command == ["mount"]))],
                              capture_output=True, text=True, check=False, timeout=60)
        assert said.returncode == 2 and said.stderr.startswith('rofuse: --learn-size: "0%" is no size for the throw-away layer; write bytes')


def errno_of(call):
    try:
        call()
    except OSError as error:
        return os.strerror(error.errno)
    return None


def append(path, data=b"x"):
    with open(path, "ab", buffering=0) as file:
        assert file.write(data) == len(data)


def fill(path):
    with open(path, "wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 16))


def allocate(path):
    with open(path, "r+b") as file:
        os.posix_fallocate(file.fileno(), 0, MIB)


def mapped(path):
    """A child that writes to a hole by mmap; how it ended."""
    child = os.fork()
    if child == 0:
        fd = os.open(path, os.O_RDWR)
        os.ftruncate(fd, 1 << 20)
        memory = mmap.mmap(fd, 1 << 20)
        memory[4096 * 9] = 1
        os._exit(1 if LIBC.msync(ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(memory))), 1 << 20, 4) else 0)
    status = os.waitpid(child, 0)[1]
    return f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"status {os.WEXITSTATUS(status)}"


# On a layer that is full. What needs no block succeeds.
FULL = [
    ("copy up to append", lambda root: append(root / "var/big")),
    ("copy up to truncate", lambda root: os.truncate(root / "var/big", 2 * MIB)),
    ("copy up to change the mode", lambda root: os.chmod(root / "var/big", 0o600)),
    ("copy up to link", lambda root: os.link(root / "var/big", root / "var/link")),
    ("copy up to rename", lambda root: os.rename(root / "var/big", root / "var/other")),
    ("copy up a little", lambda root: append(root / "etc/one")),
    ("copy up nothing", lambda root: os.truncate(root / "etc/two", 0)),
    ("write to what is there", lambda root: append(root / "etc/small")),
    ("write to a new file", lambda root: append(root / "etc/new")),
    ("fallocate", lambda root: allocate(root / "etc/new")),
    ("make a directory", lambda root: os.mkdir(root / "etc/directory")),
    ("a short link", lambda root: os.symlink("short", root / "etc/short")),
    ("rename a directory", lambda root: os.rename(root / "usr/share", root / "usr/moved")),
    ("remove", lambda root: os.unlink(root / "usr/moved/doc/text")),
    ("a named pipe", lambda root: os.mkfifo(root / "etc/pipe")),
    ("an attribute", lambda root: os.setxattr(root / "etc/new", "user.note", b"x")),
    ("read", lambda root: (root / "var/big").read_bytes()),
]


def test_full(rofuse, layer, scratch):
    """What programs get is what a kernel overlayfs on a full tmpfs of that size says; nothing that failed is called learned."""
    base, reference = scratch / "base", scratch / "reference"
    for path in (base, reference):
        path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "upper", str(base)], check=True)
    mount = rofuse(layers=[layer], extra=["--learn", "--learn-size", "2m"])
    try:
        for name in ("upper", "work"):
            (base / name).mkdir()
        subprocess.run(["mount", "-t", "overlay", "-o", f"lowerdir={layer},upperdir={base}/upper,workdir={base}/work,redirect_dir=on,index=on",
                        "overlay", str(reference)], check=True)
        told = []
        for root in (reference, mount.point):
            append(root / "etc/small", bytes(4096))
            assert errno_of(lambda root=root: fill(root / "etc/filler")) == "No space left on device"
            told.append([(name, errno_of(lambda root=root, call=call: call(root))) for name, call in FULL])
        assert told[1] == told[0]
        assert ("copy up to append", "No space left on device") in told[1]
        layer_full = layer_of(mount)
        assert layer_full["used"] == layer_full["size"] == 2 * MIB
    finally:
        rofuse_test.unmount_below(reference)
        rofuse_test.unmount_below(base)

    records = mount.records(at_least=10)
    failed = [record for record in records if record["errno"] == "ENOSPC"]
    assert all("learned" not in record and record["why"] == "no-space" for record in failed)
    assert {(record["operation"], record["path"]) for record in failed} >= {
        ("write", "/etc/filler"), ("open", "/var/big"), ("chmod", "/var/big"), ("link", "/var/link"), ("rename", "/var/big"),
        ("write", "/etc/small"), ("write", "/etc/new")}
    learned = {(record["operation"], record["path"]) for record in records if record.get("learned")}
    assert not {path for _, path in learned} & {"/var/big", "/var/link", "/var/other"}
    assert learned >= {("create", "/etc/filler"), ("mkdir", "/etc/directory"), ("rename", "/usr/share")}

    changes = {change["path"]: change["kind"] for change in json.loads(rofuse_command(mount, "learn", "diff", "--json"))["changes"]}
    assert changes["/etc/filler"] == "added" and changes["/usr/moved"] == "renamed" and "/var/big" not in changes
    assert rofuse_command(mount, "learn", "diff").endswith(
        "the layer holds 2.0\xa0MiB of 2.0\xa0MiB; what finds no room fails with ENOSPC (rofuse learn on --size)\n")
    reasons = {json.loads(line)["event"]["reason"] for line in rofuse_command(mount, "log", "--format", "ecs").splitlines()}
    assert reasons == {"learn mode's throw-away layer is full", "no place that may be written is declared here"}
    advise = subprocess.run([rofuse_test.BINARY, "advise", "--state-dir", str(mount.state)], capture_output=True, text=True, check=False)
    assert advise.stderr.startswith("rofuse: learn mode's layer was full, so that not all was seen"), advise.stderr
    mount.path("/etc/filler").unlink()
    # The kernel tells the daemon of the last close when the closing process has gone on.
    rofuse_test.wait_until(lambda: layer_of(mount)["used"] < MIB, "the room of the removed file")
    append(mount.path("/etc/one"))
    assert mount.path("/etc/one").read_text() == "etc/onex"
    rofuse_command(mount, "learn", "off")
    assert mount.path("/etc/one").read_text() == "etc/one" and not mount.path("/etc/directory").exists()
    rofuse_command(mount, "learn", "on", "--size", "10m")
    append(mount.path("/var/big"))
    assert mount.path("/var/big").stat().st_size == 3 * MIB + 1
    assert mount.end() == 0


def test_run(layer, scratch):
    """A report with a layer that was too small says so, and proposes no size that was measured on it."""
    (layer / "bin").mkdir()
    shutil.copy(busybox_image.find_busybox(), layer / "bin/busybox")
    (layer / "app").mkdir()
    for size, proposed in (("1m", "--tmpfs /app:mode=0755 "), ("50%", "--tmpfs /app:size=16m,mode=0755 ")):
        said = subprocess.run([rofuse_test.BINARY, "run", "--learn", "--learn-size", size, "--state-dir", str(scratch / "rstate"), "--layer", str(layer),
                               "--", "/bin/busybox", "dd", "if=/dev/zero", "of=/app/big", "bs=64k", "count=40"],
                              capture_output=True, text=True, check=False, timeout=60).stderr
        assert proposed in said, said
        assert ("learn mode's layer is full" in said) == (size == "1m")


def test_mapped_on_a_full_layer(rofuse, layer):
    """A mapped page that does not fit harms nobody: the daemon goes on, and what is told is what came of it."""
    mount = rofuse(layers=[layer], extra=["--learn", "--learn-size", "1m"])
    append(mount.path("/etc/mapped"))
    assert errno_of(lambda: fill(mount.path("/etc/filler"))) == "No space left on device"
    assert mapped(mount.path("/etc/mapped")) in (f"signal {signal.SIGBUS}", "status 1")
    rofuse_command(mount, "learn", "off")
    assert not mount.path("/etc/mapped").exists()
