"""Routes that come and go while the mount is used: what was open, stood in, cached or mounted there before."""

import concurrent.futures
import contextlib
import errno
import json
import os
import pathlib
import stat
import subprocess
import threading

import pytest

from control import Control
import live_commands
import namespace
import rofuse_test
from live_commands import IMAGE, add, command, remove, standing_in, targets, walk

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def layer(scratch):
    return live_commands.make_layer(scratch)


@pytest.fixture
def source(scratch):
    """A directory of the host."""
    path = scratch / "source"
    path.mkdir()
    (path / "both").write_text("the host's")
    (path / "other").write_text("the host's")
    return path


@pytest.fixture
def mount(rofuse, layer):
    return rofuse(layers=[layer])


@pytest.mark.parametrize("kind", ["tmpfs", "volume", "bind"])
def test_what_is_in_use_goes_on(mount, source, kind):
    data = mount.path("app/data")
    assert set(os.listdir(data)) == IMAGE
    assert not (data / "new").exists() and not (data / "other").exists()
    before = os.stat(data)
    with open(data / "file", encoding="utf-8") as file, standing_in(data) as outer, \
            standing_in(data / "sub/deep") as inner:
        word = {"tmpfs": ["--tmpfs", "/app/data:mode=0711"], "volume": ["-v", "v:/app/data:nocopy"],
                "bind": ["-v", f"{source}:/app/data"]}[kind]
        assert add(mount, *word) == ""
        there = {"both", "other"} if kind == "bind" else set()
        assert set(os.listdir(data)) == there
        assert file.read() == "the image's"
        # Who stands in the target sees what is there now; who stands below it, what was there.
        assert set(os.listdir(f"/proc/{outer.pid}/cwd")) == there
        assert pathlib.Path(f"/proc/{inner.pid}/cwd/file").read_text() == "deep in the image"
        assert os.stat(data).st_ino != before.st_ino
        if kind == "tmpfs":
            assert stat.S_IMODE(os.stat(data).st_mode) == 0o711
        (data / "new").write_text("new")
        (data / "sub").mkdir()
        (data / "sub/deep").write_text("a file now")
        assert (data / "sub/deep").read_text() == "a file now"
        if kind == "bind":
            assert (data / "both").read_text() == (data / "other").read_text() == "the host's"
            assert (source / "new").read_text() == "new"
        assert targets(mount) == ["/app/data"]

        assert f"pid {outer.pid} (sleep): working directory" in remove(mount, "/app/data", status=1)
        assert set(os.listdir(data)) == there | {"new", "sub"}
    with open(data / "new", "r+", encoding="utf-8") as opened:
        assert f"pid {os.getpid()} (" in remove(mount, "/app/data", status=1)
        remove(mount, "--force", "/app/data")
        assert set(os.listdir(data)) == IMAGE
        opened.write("still")
        opened.flush()
        opened.seek(0)
        assert opened.read() == "still"
        os.fchmod(opened.fileno(), 0o600)
        assert stat.S_IMODE(os.fstat(opened.fileno()).st_mode) == 0o600
    assert (data / "file").read_text() == (data / "both").read_text() == "the image's"
    assert (data / "sub/deep/file").read_text() == "deep in the image"
    assert not (data / "new").exists() and not (data / "other").exists()
    after = os.stat(data)
    assert (after.st_ino, after.st_mode, after.st_mtime) == (before.st_ino, before.st_mode, before.st_mtime)
    with pytest.raises(OSError) as error:
        (data / "new").write_text("")
    assert error.value.errno == errno.EROFS
    assert targets(mount) == []


@ROOT_ONLY
@pytest.mark.parametrize("word", ["--tmpfs=/app/data", "--volume=v:/app/data:nocopy", "--tmpfs=/app", "--tmpfs=/app/data:ro"])
def test_mounts_in_other_namespaces_survive(mount, layer, word):
    deep, file = mount.path("app/data/sub/deep"), mount.path("app/data/file")
    prepare = 'mount -t tmpfs t "$1" && echo mounted > "$1/in" && mount --bind "$1/in" "$2"'
    with namespace.hold(mount.scratch, prepare, (deep, file)) as holder:
        inside = pathlib.Path(f"/proc/{holder.pid}/root")

        def still_there():
            path = pathlib.Path(str(inside) + str(deep))
            return (path / "in").read_text() == pathlib.Path(str(inside) + str(file)).read_text() == "mounted\n"

        assert still_there()
        target = word.split("=")[1].removeprefix("v:").split(":")[0]
        add(mount, word)
        assert still_there()
        read_only = word.endswith(":ro")
        data = mount.path("app/data")
        # The place of what is mounted there is in the new directory; a file is the one that it is mounted on.
        assert set(os.listdir(data)) == (set() if read_only else {"sub", "file"})
        assert deep.is_dir() and file.read_text() == "the image's"
        assert os.listdir(deep) == (["file"] if read_only else [])
        if not read_only:
            (deep / "own").write_text("x")
            walk(mount.point)
        assert still_there()
        assert "mounted at /app/data/" in remove(mount, target, status=1)
        remove(mount, "--force", target)
        assert still_there()
        assert set(os.listdir(data)) == IMAGE
        assert (deep / "file").read_text() == "deep in the image" and file.read_text() == "the image's"
        walk(mount.point)
        # And once more, over what was kept.
        add(mount, word)
        remove(mount, "--force", target)
        assert still_there()
    # Nothing is kept for what is not mounted any more; what was made in a volume stays there.
    add(mount, word)
    assert set(os.listdir(mount.path(target))) == ({"sub", "file"} if word.startswith("--volume") else set())
    remove(mount, target)
    assert (deep / "file").read_text() == "deep in the image"


@ROOT_ONLY
def test_a_container_that_runs(rofuse, layer, source):
    """bubblewrap with /proc, /dev and a bind inside of the target; the program is the host's."""
    for name in ("usr", "bin", "lib", "lib64"):
        (layer / name).mkdir()
    mount = rofuse(layers=[layer])
    script = 'echo ready; while read line; do eval "$line"; status=$?; echo; echo "end $status"; done'
    words = ["bwrap", "--bind", mount.point, "/", "--dev", "/dev", "--proc", "/proc", "--ro-bind", "/usr", "/usr"]
    for name in ("bin", "lib", "lib64"):
        words += ["--ro-bind", f"/usr/{name}", f"/{name}"] if os.path.exists(f"/usr/{name}") else []
    words += ["--bind", source, "/app/data/sub", "--chdir", "/app/data", "sh", "-c", script]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/") as container:
        def do(line):
            container.stdin.write(line + "\n")
            container.stdin.flush()
            said = []
            while not (text := container.stdout.readline()).startswith("end "):
                assert text, "the container has ended"
                said.append(text.rstrip("\n"))
            return [text for text in said if text], int(text.split()[1])

        assert container.stdout.readline() == "ready\n"
        assert do("echo x > /app/data/new")[1] != 0
        assert do("cat file")[0] == ["the image's"]
        add(mount, "--tmpfs", "/app/data", "--tmpfs", "/run")
        assert do("echo x > /app/data/new && cat new && ls")[0] == ["x", "new", "sub"]
        assert do("cat /app/data/sub/other")[0] == ["the host's"]
        assert do("echo $$ > /run/pid && cat /proc/self/comm && test -c /dev/null")[1] == 0
        assert "in use" in remove(mount, "/app/data", status=1)
        remove(mount, "/run")
        remove(mount, "--force", "/app/data")
        assert do("cat file; echo; cat /app/data/sub/other")[0] == ["the image's", "the host's"]
        assert do("echo x > /app/data/new")[1] != 0
        assert do("cat /proc/self/comm && test -c /dev/null")[1] == 0
        container.stdin.close()
        assert container.wait(60) == 0


def test_nested_both_ways(mount):
    data = mount.path("app/data")
    os.listdir(data / "sub")
    add(mount, "--tmpfs", "/app/data/sub")
    (data / "sub/inner").write_text("inner")
    number = os.stat(data / "sub").st_ino
    with standing_in(data / "sub") as process:
        add(mount, "--tmpfs", "/app/data")  # above
        assert os.listdir(data) == ["sub"] and os.listdir(data / "sub") == ["inner"]
        assert os.stat(data / "sub").st_ino == number
        assert os.listdir(f"/proc/{process.pid}/cwd") == ["inner"]
    with pytest.raises(OSError) as error:
        os.rmdir(data / "sub")
    assert error.value.errno == errno.EBUSY
    add(mount, "-v", "v:/app/data/new/deeper")  # below, with what is missing on the way
    (data / "new/deeper/file").write_text("in the volume")
    add(mount, "--tmpfs", "/app/data/sub/third")
    (data / "sub/third/file").write_text("third")
    walk(mount.point)
    assert "same place" in add(mount, "--tmpfs", "/app/data/sub", status=2)
    assert "lies in it" in remove(mount, "--force", "/app/data", status=1)
    remove(mount, "/app/data/sub/third")
    assert os.listdir(data / "sub/third") == []
    remove(mount, "/app/data/sub")
    assert os.listdir(data / "sub") == []  # made there for the route
    (data / "sub/own").write_text("in the outer one")
    remove(mount, "/app/data", "/app/data/new/deeper")
    assert set(os.listdir(data)) == IMAGE and (data / "sub/deep/file").read_text() == "deep in the image"
    walk(mount.point)


def test_a_target_that_is_missing(mount):
    for path in ("new", "new/a", "new/a/b", "app/data/missing"):
        assert not mount.path(path).exists()
    add(mount, "--tmpfs", "/new/a/b", "--tmpfs", "/app/data/missing")
    (mount.path("new/a/b") / "file").write_text("x")
    assert "new" in os.listdir(mount.point) and "missing" in os.listdir(mount.path("app/data"))
    walk(mount.point)
    remove(mount, "/new/a/b", "/app/data/missing")
    assert not mount.path("new/a/b").exists() and not mount.path("app/data/missing").exists()
    assert set(os.listdir(mount.path("app/data"))) == IMAGE
    add(mount, "--tmpfs", "/new/a/b")
    assert os.listdir(mount.path("new/a/b")) == []


def test_the_images_content(mount):
    data = mount.path("app/data")
    image = walk(data)
    for word in ("--tmpfs=/app/data:tmpcopyup", "--volume=v:/app/data"):
        add(mount, word)
        assert walk(data) == image
        assert stat.S_IMODE(os.stat(data).st_mode) == 0o750
        (data / "both").write_text("mine")
        (data / "sub/deep/file").unlink()
        remove(mount, "/app/data")
        assert walk(data) == image
    add(mount, "--volume=v:/app/data")
    assert (data / "both").read_text() == "mine" and not (data / "sub/deep/file").exists()


def test_a_file(mount, source):
    conf = mount.path("etc/conf")
    with open(conf, encoding="utf-8") as opened:
        add(mount, "-v", f"{source}/other:/etc/conf")
        assert conf.read_text() == "the host's" and opened.read() == "the image's conf"
        conf.write_text("changed")
        assert (source / "other").read_text() == "changed"
        remove(mount, "/etc/conf")
        assert conf.read_text() == "the image's conf"
    assert "must both be" in add(mount, "-v", f"{source}:/etc/conf", status=2)
    assert "choose a directory" in add(mount, "--tmpfs", "/etc/conf", status=2)
    if os.geteuid() == 0:
        with namespace.hold(mount.scratch, 'mount --bind "$1" "$2"', (source / "both", conf)):
            assert "mounted on the file /etc/conf" in add(mount, "-v", f"{source}/other:/etc/conf", status=1)


def test_routes_of_the_mount_can_be_removed(rofuse, layer, source):
    mount = rofuse(layers=[layer], tmpfs=["/app/data", "/tmp", "/var/run/x"], volume=[f"{source}:/etc/conf.d"])
    data = mount.path("app/data")
    (data / "file").write_text("mine")
    with standing_in(mount.path("etc")):
        remove(mount, "/app/data", "/tmp", "/run/x", "/etc/conf.d")
        assert (data / "file").read_text() == "the image's" and set(os.listdir(data)) == IMAGE
        assert not mount.path("etc/conf.d").exists() and not mount.path("run/x").exists()
        assert mount.path("tmp").is_dir()  # runtimes need it
        add(mount, "--tmpfs", "/app/data", "--tmpfs", "/var/run/x")
        assert os.listdir(data) == os.listdir(mount.path("run/x")) == []
        walk(mount.point)


def test_directories_on_the_way_stay(mount):
    """Of a target that the image lacks; nobody can write in them."""
    add(mount, "--tmpfs", "/on/the/way")
    remove(mount, "/on/the/way")
    assert os.listdir(mount.path("on")) == ["the"] and os.listdir(mount.path("on/the")) == []
    with pytest.raises(OSError, match="Read-only"):
        mount.path("on/new").mkdir()
    add(mount, "--tmpfs", "/on")
    assert os.listdir(mount.path("on")) == []


@ROOT_ONLY
def test_the_images_content_for_another_owner(mount):
    """What is declared of the directory itself comes before what the image has."""
    data = mount.path("app/data")
    content = set(os.listdir(data))
    add(mount, "--tmpfs=/app/data:tmpcopyup,mode=0705,uid=5,gid=6")
    seen = os.stat(data)
    assert (stat.S_IMODE(seen.st_mode), seen.st_uid, seen.st_gid) == (0o705, 5, 6)
    assert set(os.listdir(data)) == content
    remove(mount, "/app/data")
    add(mount, "--tmpfs=/app/data:tmpcopyup,uid=5")
    seen = os.stat(data)
    assert (stat.S_IMODE(seen.st_mode), seen.st_uid, seen.st_gid) == (0o750, 5, 0)


@pytest.mark.parametrize("words", [("--tmpfs=/app/data:tmpcopyup,mode=0700,uid=5",), ("--tmpfs=/app/data/sub", "--tmpfs=/app/data"),
                                   ("--volume=v:/app/data", "--tmpfs=/run/x:ro", "--volume=w:/var/run/y"),
                                   ("--volume={source}:/etc/new/place",)])
def test_it_is_the_same_as_declared(rofuse, layer, source, words):
    words = [word.format(source=source) for word in words]
    live = rofuse(layers=[layer])
    walk(live.point)
    for word in words:
        add(live, word)
    seen = walk(live.point)
    live.end()
    subprocess.run(["rm", "-rf", live.state], check=True)
    assert seen == walk(rofuse(layers=[layer], extra=words).point)


@ROOT_ONLY
def test_the_next_try_of_an_ordinary_user_works(rofuse, scratch):
    """Nobody looks at anything in between: what the kernel asks again on the way is no refusal."""
    (scratch / "deep" / "var" / "lib" / "app").mkdir(parents=True)
    mount = rofuse(layers=[scratch / "deep"])
    make = ["setpriv", "--reuid=33", "--regid=33", "--clear-groups", "mkdir", mount.path("/var/lib/app/new")]
    for status in (1, 1):
        assert subprocess.run(make, capture_output=True, check=False).returncode == status
    add(mount, "--tmpfs", "/var/lib/app:uid=33,gid=33,mode=0755")
    done = subprocess.run(make, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert {record["path"] for record in mount.records(at_least=2)} == {"/var/lib/app/new"}


def test_what_appears_in_a_volume_from_outside(mount, source):
    data = mount.path("app/data")
    names = [f"name{i}" for i in range(20)]
    assert not any((data / name).exists() for name in names)
    add(mount, "-v", f"{source}:/app/data")
    for name in names:
        (source / name).write_text(name)
    assert [(data / name).read_text() for name in names] == names


@ROOT_ONLY
def test_what_a_tmpfs_holds_is_given_back(mount):
    def tmpfs_open():
        """How many descriptors the daemon has of a tmpfs that no name space shows: its paths begin at its root."""
        fds = []
        for fd in pathlib.Path(f"/proc/{mount.process.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                fds += [fd] if os.readlink(fd)[:4] != "/dev" else []
        kinds = subprocess.run(["stat", "-f", "-L", "-c", "%T", *map(str, fds)], capture_output=True, text=True, check=False)
        return kinds.stdout.split().count("tmpfs")

    before = tmpfs_open()
    add(mount, "--tmpfs", "/app/data")
    data = mount.path("app/data")
    for name in ("a", "a/b", "a/b/c"):
        (data / name).mkdir()
        (data / name / "file").write_text("x")
        os.listdir(data / name)
    assert tmpfs_open() > before
    with open(data / "a/b/file", encoding="utf-8") as opened:
        remove(mount, "--force", "/app/data")
        assert tmpfs_open() > before
        assert opened.read() == "x"
    rofuse_test.wait_until(lambda: tmpfs_open() == before, "the end of the tmpfs")


def test_fsync_reaches_a_volume_that_came_later(rofuse, layer):
    """What was said of a tmpfs must not keep the kernel from asking for a volume."""
    mount = rofuse(layers=[layer], tmpfs=["/run"])

    def sync(path):
        with open(path, "w", encoding="utf-8") as file:
            file.write("x")
            file.flush()
            os.fsync(file.fileno())

    def asked():
        done = subprocess.run([rofuse_test.BINARY, "status", "--json", "--state-dir", mount.state, mount.point],
                              check=True, capture_output=True, text=True, timeout=60)
        return json.loads(done.stdout)["mounts"][0]["requests"]["fsync"]

    sync(mount.path("run/file"))
    add(mount, "-v", "v:/app/data")
    before = asked()
    sync(mount.path("app/data/new"))
    assert asked() == before + 1


def test_the_state_tells_what_there_is(mount):
    add(mount, "--tmpfs", "/app/data:size=1m", "-v", "/etc/anonymous")
    shown = command(mount, "ls")
    assert "/app/data" in shown and "size=1m" in shown and "/etc/anonymous" in shown
    for words in (["status"], ["status", "--json"]):
        done = subprocess.run([rofuse_test.BINARY, *words, "--state-dir", mount.state, mount.point], check=True,
                              capture_output=True, text=True, timeout=60)
        assert "/app/data" in done.stdout
    assert list(json.loads(command(mount, "ls", "--json"))) == ["schema", "mount", "mountpoint", "routes"]
    answer = json.loads(command(mount, "rm", "--json", "/app/data"))
    assert answer["schema"] == "rofuse.routes/1" and [route["target"] for route in answer["routes"]] == ["/app/data"]
    assert targets(mount) == ["/etc/anonymous"]


@pytest.mark.parametrize("rounds", [20, pytest.param(100, marks=pytest.mark.slow)])
def test_again_and_again_under_load(mount, source, rounds):
    """Adding and removing while others walk, read and write: they see the image's or the route's, and no error
    that mount(2) in the same place would not bring."""
    data = mount.path("app/data")
    ended = threading.Event()
    allowed = {errno.ENOENT, errno.EROFS, errno.ESTALE, errno.ENOTDIR, errno.EEXIST, errno.EISDIR}

    def work(step):
        """How often it was done."""
        n_done = 0
        while not ended.is_set():
            try:
                step(n_done)
            except OSError as error:
                if error.errno not in allowed:
                    raise
            n_done += 1
        return n_done

    def walker(_):
        for directory, _, files in os.walk(mount.point):
            for file in files:
                os.lstat(os.path.join(directory, file))

    def writer(n):
        (data / f"w{n % 7}").write_text("x" * 1000)
        try:
            os.rename(data / f"w{n % 7}", data / "renamed")
        except OSError as error:
            # The kernel walks two paths, one after the other: a mount that comes in between makes EXDEV of it, too.
            if error.errno != errno.EXDEV:
                raise

    def maker(n):
        os.makedirs(data / "sub/deep/more", exist_ok=True)
        os.rmdir(data / "sub/deep/more")

    def reader(_):
        assert (data / "file").read_text() == "the image's"

    def asker(_):
        with Control(mount) as control:
            for path in ["/app/data/sub/deep/file", "/app/data/sub/../renamed", *["/app/data/x"] * 100]:
                assert control.result("why", path=path)["verdicts"]

    fds = len(os.listdir(f"/proc/{mount.process.pid}/fd"))
    steps = (walker, walker, writer, maker, reader, asker, asker)
    with concurrent.futures.ThreadPoolExecutor(len(steps)) as pool:
        workers = [pool.submit(work, step) for step in steps]
        try:
            for i in range(rounds):
                words = ["--tmpfs=/app/data", f"--volume={source}:/app/data", "--tmpfs=/app/data/sub", "--tmpfs=/app"][i % 4]
                add(mount, words)
                remove(mount, "--force", words.split(":")[-1].split("=")[-1])
        finally:
            ended.set()
        assert all(worker.result(60) > 0 for worker in workers)
    assert set(os.listdir(data)) == IMAGE and (data / "sub/deep/file").read_text() == "deep in the image"
    walk(mount.point)
    assert len(os.listdir(f"/proc/{mount.process.pid}/fd")) < fds + 40  # the image's directories are kept for speed


def test_what_was_added_can_be_written_out(mount, rofuse, layer, source):
    """The file that config --live prints declares what there is."""
    add(mount, "--tmpfs", "/app/data:size=1m,exec,mode=0700", "-v", "data:/etc/data:ro", "-v", f"{source}:/run/source",
        "--mount", "type=volume,source=more,target=/run/more,volume-nocopy")

    def printed(*words):
        return subprocess.run([rofuse_test.BINARY, "config", "--state-dir", mount.state, *words], check=True,
                              capture_output=True, text=True, timeout=60).stdout

    file = mount.scratch / "compose.yaml"
    file.write_text(printed("--live", mount.point))
    assert f"    # no image, but directories as layers; run it with --layer {layer}\n" in file.read_text()
    # Over a file in which the service is called otherwise than the mount.
    named = printed("--live", mount.point, "--service", "web")
    assert named == file.read_text().replace(f'services:\n  "{mount.point.name}":', 'services:\n  "web":', 1) != file.read_text()
    live = json.loads(printed("--live", mount.point, "--json"))
    again = json.loads(printed("--compose", str(file), "--layer", str(layer), "--json"))
    assert live["schema"] == "rofuse.live/1" and len(live["routes"]) == 4
    for route in again["routes"]:
        del route["options"]  # the same in words
    assert {route["target"]: route for route in again["routes"]} == {route["target"]: route for route in live["routes"]}
