"""The store of images: shared by many at once, interrupted, full; removal; without root."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tarfile

import busybox_image
import image_files
import pytest
import rofuse_test
from image_files import directory, entry, tar

USER = busybox_image.USER


def as_user(*words):
    return ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", *map(str, words)]


def two_images(scratch):
    """Two that share their first layer."""
    made = image_files.Layout(scratch / "oci")
    base = tar([entry("base", data=b"b" * 1000)])
    for tag in ("one", "two"):
        made.add(made.image([base, tar([entry(tag, data=tag.encode() * 1000)])]), tag)
        image_files.succeed("import", f"oci:{made.path}:{tag}", "--name", tag, state=scratch / "state")
    return scratch / "state"


def test_layers_are_shared_and_removed(scratch):
    state = two_images(scratch)
    assert len(image_files.stored(state)["layers"]) == 3
    image_files.succeed("rm", "one", state=state)
    assert len(image_files.stored(state)["layers"]) == 2
    image_files.refused("rm", "one", state=state, says=["no image one", "rofuse image ls"])
    image_files.succeed("rm", image_files.inspect("two", state)["id"][7:17], state=state)
    assert image_files.stored(state) == image_files.EMPTY


def test_names(scratch):
    state = two_images(scratch)
    image_files.succeed("import", f"oci:{scratch}/oci:two", "--name", "one", state=state)
    assert sorted(image_files.inspect("one", state)["names"]) == ["one", "two"]
    listed = json.loads(image_files.succeed("ls", "--json", state=state).stdout)["images"]
    assert sorted(len(image["names"]) for image in listed) == [0, 2]
    done = json.loads(image_files.succeed("prune", "--json", state=state).stdout)
    assert (done["images"], done["layers"]) == (1, 1)
    image_files.succeed("rm", "one", state=state)
    assert image_files.inspect("two", state)["names"] == ["two"]
    image_files.succeed("import", f"oci:{scratch}/oci:two", "--name", "other", state=state)
    done = image_files.rofuse("rm", "other", "missing", state=state)
    assert done.returncode == 1 and done.stdout.startswith("removed: 1 name, 0 images, 0 layers, 0 bytes\n"), done
    assert "no image missing" in done.stderr and done.stderr.count("\n") == 1
    image_files.succeed("prune", "--all", state=state)
    assert image_files.stored(state) == image_files.EMPTY


@pytest.mark.parametrize("file, content", [("config.json", "{"), ("config.json", None), ("image.json", "")], ids=str)
def test_damaged_record_is_made_anew(scratch, file, content):
    """As after a loss of power; until then nothing shows it or lies on it."""
    state = two_images(scratch)
    path = state / "images/images" / image_files.inspect("one", state)["id"].removeprefix("sha256:") / file
    path.unlink() if content is None else path.write_text(content)
    image_files.refused("inspect", "one", state=state, says=["no image one"])
    image_files.succeed("import", f"oci:{scratch}/oci:one", "--name", "one", state=state)
    assert image_files.inspect("one", state)["names"] == ["one"]
    image_files.succeed("prune", "--all", state=state)
    assert image_files.stored(state) == image_files.EMPTY


def test_image_in_use(scratch):
    """Who uses an image holds its directories with a shared lock; they stay until that is gone."""
    state = two_images(scratch)
    image = image_files.inspect("one", state)
    places = [state / "images/images" / image["id"][7:]] + [pathlib.Path(layer["path"]).parent for layer in image["layers"]]
    script = "".join(f"exec {number}<{place}; flock -s {number}; " for number, place in enumerate(places, 3))
    with subprocess.Popen(["bash", "-c", script + "echo held; exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        line = image_files.refused("rm", "one", state=state, says=["one", "used by a mount"])
        assert "rofuse umount" in line
        done = json.loads(image_files.succeed("prune", "--all", "--json", state=state).stdout)
        assert (done["images"], done["in_use"]) == (1, 1)
        assert all(place.exists() for place in places)
        holder.stdin.close()
    image_files.succeed("rm", "one", state=state)
    assert image_files.stored(state) == image_files.EMPTY


def large_layout(scratch, layers=3, size=3 << 20):
    files = [[entry(f"{number}-{part}", data=os.urandom(size // 40)) for part in range(40)] for number in range(layers)]
    return image_files.layout(scratch / "oci", [tar(part) for part in files], how="")


def start_import(scratch, state, **more):
    return subprocess.Popen([rofuse_test.BINARY, "image", "import", f"oci:{scratch}/oci", "--state-dir", state],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


def test_four_imports_at_once(scratch):
    """Of the same image: each layer is unpacked once, and all of them succeed."""
    large_layout(scratch)
    state = scratch / "state"
    running = [start_import(scratch, state) for _ in range(4)]
    said = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0] * 4, said
    assert sum(text.count(": unpacked, ") for _, text in said) == 3, said
    found = image_files.stored(state)
    assert (len(found["layers"]), len(found["images"]), found["tmp"]) == (3, 1, [])


STORE_CALLS = "syncfs,fsync,rename,renameat,renameat2"


def traced_import(scratch, *strace):
    """An import of one layer whose process strace follows, without those that unpack."""
    image_files.layout(scratch / "oci", [tar([entry("a", data=b"a")])])
    words = ["strace", "-y", "-o", scratch / "calls", "-e", f"trace={STORE_CALLS}", *strace, rofuse_test.BINARY, "image", "import",
             f"oci:{scratch}/oci", "--state-dir", scratch / "state"]
    return subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False, timeout=60,
                          env={**os.environ, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"})


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_layer_is_on_the_disk_before_it_is_kept(scratch):
    done = traced_import(scratch)
    assert done.returncode == 0, done
    calls = [re.sub(r"[0-9a-f]{64}", "HEX", re.sub(r"/[0-9]+\.[0-9a-f]{8}", "/TMP", line)).replace(f"{scratch}/state/images/", "")
             for line in (scratch / "calls").read_text().splitlines() if "state" in line]
    wanted = ["syncfs(N<tmp/TMP>)", 'rename("tmp/TMP", "layers/sha256/HEX")', "fsync(N<layers/sha256>)",
              "syncfs(N<tmp/TMP>)", 'rename("tmp/TMP", "images/HEX")', "fsync(N<images>)"]
    seen = [re.sub(r"\(\d+<", "(N<", call.partition(" = ")[0].rstrip()) for call in calls]
    assert [call for call in seen if ".json" not in call] == wanted, calls


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize("call, when, says", [("syncfs", 1, "images/tmp/"), ("fsync", 1, "layer.json"), ("fsync", 2, "layers/sha256")], ids=str)
def test_disk_that_does_not_take_a_layer(scratch, call, when, says):
    done = traced_import(scratch, "-e", f"inject={call}:error=EIO:when={when}")
    lines = [line for line in done.stderr.splitlines() if ": unpacked, " not in line]
    assert done.returncode == 1 and len(lines) == 1, done
    assert "layer 1 of 1" in lines[0] and says in lines[0] and "Input/output error" in lines[0], lines
    assert image_files.stored(scratch / "state") == image_files.EMPTY


def children(pid):
    return pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_interrupted_import(scratch, number):
    """Its processes end with it. What it has half done goes with it if it can, else with the next import, which succeeds."""
    large_layout(scratch, layers=2, size=20 << 20)
    state = scratch / "state"
    process = start_import(scratch, state)
    tmp = state / "images/tmp"

    def all_work():
        """Each process has made an entry, so that it has come to the end of its preparations."""
        return 0 < len(children(process.pid)) == len({entry.parents[1] for entry in tmp.glob("*/tree/*")})

    rofuse_test.wait_until(lambda: process.poll() is not None or all_work(), "an entry of each process in tmp")
    working = [int(pid) for pid in children(process.pid)]
    # Stopped, they would not end by themselves.
    for pid in working:
        os.kill(pid, signal.SIGSTOP)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == -number and working
    try:
        rofuse_test.wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in working), "the end of the processes")
    finally:
        for pid in working:
            if os.path.exists(f"/proc/{pid}"):
                os.kill(pid, signal.SIGKILL)
    found = image_files.stored(state)
    assert found["images"] == [] and bool(found["tmp"]) == (number == signal.SIGKILL), found
    image_files.succeed("import", f"oci:{scratch}/oci", state=state)
    found = image_files.stored(state)
    assert (len(found["layers"]), len(found["images"]), found["tmp"]) == (2, 1, [])


def test_import_that_waits_for_another_can_be_interrupted(scratch):
    image_files.layout(scratch / "oci", [tar([entry("a")])])
    state = scratch / "state"
    image_files.succeed("import", f"oci:{scratch}/oci", "--name", "a", state=state)
    layer = image_files.inspect("a", state)["layers"][0]["diff_id"][7:]
    image_files.succeed("rm", "a", state=state)
    with subprocess.Popen(["flock", state / "images/locks" / layer, "sh", "-c", "echo held; read line"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        process = start_import(scratch, state)
        assert "waiting for it" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        assert process.returncode == -signal.SIGINT
        holder.stdin.close()
    assert image_files.stored(state) == image_files.EMPTY


def test_ignored_signals_stay_ignored(scratch):
    """As behind nohup, and in the background of a script."""
    large_layout(scratch, layers=2, size=20 << 20)
    state = scratch / "state"
    process = start_import(scratch, state, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    rofuse_test.wait_until(lambda: process.poll() is not None or list((state / "images/tmp").glob("*/tree/*")), "an entry in tmp")
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)
    assert process.returncode == 0 and image_files.stored(state)["tmp"] == [], said


def test_what_is_being_made_is_not_left_over(scratch):
    """Another import, and prune, leave the directory of an import at work alone."""
    state = two_images(scratch)
    busy, left = state / "images/tmp/busy", state / "images/tmp/left"
    for place in busy, left:
        (place / "tree").mkdir(parents=True)
    with subprocess.Popen(["flock", busy, "sh", "-c", "echo held; exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        image_files.succeed("prune", state=state)
        assert image_files.stored(state)["tmp"] == ["busy"]
        holder.stdin.close()
    image_files.succeed("prune", state=state)
    assert image_files.stored(state)["tmp"] == []


@pytest.mark.parametrize("size", ["2m", "64k"])
def test_full_disk(scratch, size):
    large_layout(scratch)
    state = scratch / "small"
    state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", state], check=True)
    image_files.refused("import", f"oci:{scratch}/oci", state=state, says=["No space left", "rofuse image prune", "--state-dir"])
    assert image_files.stored(state) == image_files.EMPTY


def test_full_disk_for_a_compressed_archive(scratch):
    (scratch / "a.tar").write_bytes(tar([entry("x", data=os.urandom(4 << 20))]))
    subprocess.run(["gzip", "-1", scratch / "a.tar"], check=True)
    state = scratch / "small"
    state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", state], check=True)
    image_files.refused("import", f"docker-archive:{scratch}/a.tar.gz", state=state, says=["a.tar.gz", "No space left", "--state-dir"])


@pytest.mark.parametrize("user", [0, USER])
def test_unpacking_is_confined(scratch, user):
    """What the unpacking process is, while it works: no capability but a few, a filter, another root."""
    large_layout(scratch, layers=1, size=50 << 20)
    shutil.copy(rofuse_test.BINARY, scratch / "rofuse")
    (scratch / "home").mkdir()
    os.chown(scratch / "home", user, user)
    words = [scratch / "rofuse", "image", "import", f"oci:{scratch}/oci", "--state-dir", scratch / "home/state"]
    process = subprocess.Popen(as_user(*words) if user else list(map(str, words)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/")
    seen = {}

    def look():
        for pid in children(process.pid):
            try:
                status = pathlib.Path(f"/proc/{pid}/status").read_text()
                seen.update(line.split(":\t") for line in status.splitlines() if ":\t" in line)
                seen["root"] = os.readlink(f"/proc/{pid}/root")
                seen["files"] = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
            except OSError:
                continue
        return seen.get("Seccomp") == "2" or process.poll() is not None

    rofuse_test.wait_until(look, "a confined process")
    said = process.communicate(timeout=60)
    assert process.returncode == 0 and seen["Seccomp"] == "2" and seen["NoNewPrivs"] == "1", said
    chown, dac_override, fowner, fsetid, mknod, setfcap = 0, 1, 3, 4, 27, 31
    kept = () if user else (chown, dac_override, fowner, fsetid, mknod, setfcap)
    assert int(seen["CapPrm"], 16) == int(seen["CapEff"], 16) == sum(1 << cap for cap in kept)
    assert "/images/tmp/" in seen["root"] and seen["root"].endswith("/tree")
    others = {path for path in seen["files"] if not path.startswith((f"{scratch}/home/state/images/tmp/", f"{scratch}/oci/blobs/", "socket:"))}
    assert others <= {"/dev/null"} or "asan" in rofuse_test.BINARY, others


SPECIAL = [
    directory("./", mode=0o755), directory("bin"), entry("bin/su", data=b"su", mode=0o4755), entry("shadow", data=b"s", mode=0, uid=0, gid=42),
    directory("locked", mode=0o555, uid=7, gid=8), entry("locked/inside", data=b"i", uid=1234, gid=5678), entry("bin/su2", tarfile.LNKTYPE, link="bin/su"),
    entry("null", tarfile.CHRTYPE, mode=0o666, devmajor=1, devminor=3), entry("disk", tarfile.BLKTYPE, mode=0o660, gid=6, devmajor=8, devminor=1),
    entry("fifo", tarfile.FIFOTYPE, mode=0o620, uid=9), entry("implied/by/file", data=b"x"),
]


def test_ordinary_user(scratch, rofuse):
    """Owners, modes and devices are kept in an attribute, and the mount shows them as root's import does."""
    image_files.layout(scratch / "oci", [tar(SPECIAL)])
    shutil.copy(rofuse_test.BINARY, scratch / "rofuse")
    home = scratch / "home"
    home.mkdir()
    os.chown(home, USER, USER)
    done = subprocess.run(as_user(scratch / "rofuse", "image", "import", f"oci:{scratch}/oci", "--name", "x", "--state-dir", home / "state"),
                          capture_output=True, text=True, check=False, timeout=60, cwd="/")
    assert done.returncode == 0, done.stderr
    image_files.succeed("import", f"oci:{scratch}/oci", "--name", "x", state=scratch / "state")
    theirs, ours = image_files.trees("x", home / "state"), image_files.trees("x", scratch / "state")
    assert all(os.lstat(path).st_uid == USER for path in pathlib.Path(theirs[0]).rglob("*"))
    seen = [shown(rofuse(layers=layers).point) for layers in (theirs, ours)]
    assert seen[0] == seen[1]
    # As a mount of theirs, which root is not, could read all of it.
    subprocess.run(as_user("find", theirs[0], "-type", "f", "-exec", "cat", "{}", "+"), check=True, capture_output=True)
    assert seen[0]["null"][:3] == (0o020666, 0, 0) and seen[0]["bin/su"][0] == 0o104755 and seen[0]["shadow"][2] == 42


def shown(point):
    """{path: (mode, uid, gid, device, size or None, mtime of what has one)} of what the image has."""
    names = ["", *[info.name for info, _ in SPECIAL if info.name != "./"], "implied", "implied/by"]
    found = {}
    for name in names:
        st = os.lstat(f"{point}/{name}")
        is_implied = name in ("", "implied", "implied/by", "bin") or st.st_mode & 0o170000 == 0o040000
        found[name] = (st.st_mode, st.st_uid, st.st_gid, st.st_rdev, None if is_implied else st.st_size, None if is_implied else st.st_mtime)
    return found


def test_root_of_a_user_namespace(scratch, rofuse):
    """Where only one user is mapped."""
    image_files.layout(scratch / "oci", [tar(SPECIAL)])
    done = subprocess.run(["unshare", "--user", "--map-root-user", rofuse_test.BINARY, "image", "import", f"oci:{scratch}/oci", "--name", "x",
                           "--state-dir", str(scratch / "state")], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    found = shown(rofuse(layers=image_files.trees("x", scratch / "state")).point)
    assert found["locked/inside"][1:3] == (1234, 5678) and found["disk"][0] == 0o060660 and found["implied/by"][:3] == (0o040755, 0, 0)


def test_progress_bar_on_a_terminal(scratch):
    """script(1) gives it a terminal: bytes and layers on one line, which is cleared in the end."""
    large_layout(scratch)
    command = f"{rofuse_test.BINARY} image import oci:{scratch}/oci --state-dir {scratch}/state >/dev/null"
    done = subprocess.run(["script", "-qec", command, "/dev/null"], capture_output=True, check=True, timeout=60,
                          stdin=subprocess.DEVNULL, env={**os.environ, "TERM": "xterm"})
    assert re.search(rb"\[.*\] [0-9.]+ MiB of 9.1 MiB, layer [123] of 3", done.stdout), done.stdout
    assert done.stdout.endswith(b"\r\x1b[K") and b"unpacked" not in done.stdout


def test_layer_that_comes_twice(scratch):
    layer = tar([entry("f")])
    image_files.layout(scratch / "oci", [layer, tar([entry("g")]), layer])
    image_files.succeed("import", f"oci:{scratch}/oci", state=scratch / "state")
    assert len(image_files.stored(scratch / "state")["layers"]) == 2


@pytest.mark.parametrize("words, says", [
    ([], ["import, ls, inspect"]), (["fetch"], ['"fetch" is no command of image']), (["import"], ["to be named"]),
    (["import", "oci:a", "oci:b"], ["too much"]), (["ls", "x"], ["too much"]), (["rm"], ["to be named"]), (["prune", "x"], ["too much"]),
    (["inspect"], ["to be named"]), (["inspect", "./x"], ["directory"]), (["import", "--nmae", "x", "oci:a"], ["--nmae", "rofuse image import --help"]),
    (["import", "--name=", "oci:a"], ["--name"]), (["ls", "--json=1"], ["--json takes no value"]),
])
def test_wrong_words(scratch, words, says):
    done = subprocess.run([rofuse_test.BINARY, "image", *words], capture_output=True, text=True, check=False, timeout=60, cwd=scratch,
                          env={**os.environ, "HOME": str(scratch)})
    assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1, done.stderr
    for word in says:
        assert word in done.stderr


@pytest.mark.parametrize("word", ["import", "ls", "inspect", "rm", "prune"])
def test_help_has_examples(word):
    done = subprocess.run([rofuse_test.BINARY, "image", word, "--help"], capture_output=True, text=True, check=True, timeout=60)
    assert f"rofuse image {word}" in done.stdout and "Examples:" in done.stdout and "--state-dir" in done.stdout
