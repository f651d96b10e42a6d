"""Options of routes: what a tmpfs is given, what may be executed, and what each route says of its space."""

import os
import shutil
import stat
import subprocess
import time

import pytest

import rofuse_test
from denial_log import call


def eventually(condition):
    """close(2) and unlink(2) do not wait until a FUSE daemon has heard of them (RELEASE, FORGET)."""
    deadline = time.monotonic() + 60
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


@pytest.fixture
def layer(scratch):
    path = scratch / "layer"
    (path / "data").mkdir(parents=True)
    (path / "data/file").write_text("the image's\n")
    (path / "data/sub").mkdir()
    os.link(path / "data/file", path / "data/sub/link")
    os.chown(path / "data", 1001, 1001)
    os.chmod(path / "data", 0o2750)
    os.setxattr(path / "data/file", "user.a", b"1")
    os.utime(path / "data/file", (5, 5))
    return path


def test_a_tmpfs_starts_empty(rofuse, layer):
    mount = rofuse(layers=[layer], tmpfs=["/data", "/elsewhere"])
    assert os.listdir(mount.path("data")) == [] and os.listdir(mount.path("elsewhere")) == []
    for path in ("data", "elsewhere"):
        st = os.stat(mount.path(path))
        assert (st.st_mode, st.st_uid, st.st_gid) == (0o41777, 0, 0)


def test_mode_and_owner_of_a_tmpfs(rofuse, layer):
    mount = rofuse(layers=[layer], tmpfs=["/data:mode=0750,uid=1001,gid=1002", "/second:mode=2770"],
                   mount=["type=tmpfs,target=/third,tmpfs-mode=0711,tmpfs-size=1m"])
    found = {}
    for path in ("data", "second", "third"):
        st = os.stat(mount.path(path))
        found[path] = (oct(st.st_mode), st.st_uid, st.st_gid)
    assert found == {"data": ("0o40750", 1001, 1002), "second": ("0o42770", 0, 0), "third": ("0o40711", 0, 0)}
    assert call(lambda: mount.path("data/x").write_text("x"), 1001, 1001).name == "OK"
    assert call(lambda: mount.path("data/y").write_text("x"), 1003, 1003).name == "EACCES"
    assert os.statvfs(mount.path("third")).f_blocks * os.statvfs(mount.path("third")).f_frsize == 1 << 20


def test_size_of_a_tmpfs(rofuse):
    mount = rofuse(tmpfs=["/small:size=1m", "/percent:size=1%", "/large:size=64m"])

    def fill():
        with open(mount.path("small/file"), "wb", buffering=0) as file:
            while True:
                file.write(b"x" * 65536)
    assert call(fill).name == "ENOSPC"
    assert os.stat(mount.path("small/file")).st_size == 1 << 20
    assert os.statvfs(mount.path("small")).f_bfree == 0
    assert call(lambda: mount.path("large/file").write_bytes(b"x" * (3 << 20))).name == "OK"

    def map_beyond():
        with open(mount.path("small/file"), "r+b") as file:
            os.posix_fallocate(file.fileno(), 0, 2 << 20)
    assert call(map_beyond).name == "ENOSPC"
    os.unlink(mount.path("small/file"))
    # What was removed is given back.
    assert eventually(lambda: os.statvfs(mount.path("small")).f_bfree * 4096 == 1 << 20)
    mount.path("small/again").write_bytes(b"y" * 500000)
    st = os.statvfs(mount.path("percent"))
    with open("/proc/meminfo", encoding="ascii") as meminfo:
        memory = int(meminfo.readline().split()[1]) * 1024
    assert abs(st.f_blocks * st.f_frsize - memory // 100) < memory // 1000


def test_inodes_of_a_tmpfs(rofuse):
    mount = rofuse(tmpfs=["/few:nr_inodes=20"])
    made = 0

    def make(path):
        mount.path(path).write_bytes(b"")

    for number in range(30):
        outcome = call(lambda path=f"few/{number}": make(path))
        if outcome.name == "ENOSPC":
            break
        assert outcome.name == "OK"
        made += 1
    assert 15 <= made < 20, made
    for change in (lambda: os.mkdir(mount.path("few/d")), lambda: os.symlink("x" * 200, mount.path("few/s")),
                   lambda: os.mkfifo(mount.path("few/p"))):
        assert call(change).name == "ENOSPC"
    assert os.statvfs(mount.path("few")).f_files == 20
    os.unlink(mount.path("few/0"))
    assert call(lambda: make("few/again")).name == "OK"


def test_an_unlinked_open_file_is_given_back_when_closed(rofuse):
    mount = rofuse(tmpfs=["/small:size=1m"])
    with open(mount.path("small/file"), "wb", buffering=0) as file:
        file.write(b"x" * (1 << 20))
        os.unlink(mount.path("small/file"))
        assert os.statvfs(mount.path("small")).f_bfree == 0
        assert call(lambda: mount.path("small/new").write_bytes(b"x" * 4096)).name == "ENOSPC"
    assert eventually(lambda: os.statvfs(mount.path("small")).f_bfree * 4096 >= (1 << 20) - 4096)


def test_tmpcopyup(rofuse, layer):
    mount = rofuse(layers=[layer], tmpfs=["/data:tmpcopyup", "/missing:tmpcopyup"])
    assert sorted(os.listdir(mount.path("data"))) == ["file", "sub"]
    assert os.listdir(mount.path("missing")) == []
    st = os.stat(mount.path("data/file"))
    assert (st.st_nlink, st.st_mtime) == (2, 5)
    assert os.getxattr(mount.path("data/file"), "user.a") == b"1"
    st = os.stat(mount.path("data"))
    assert (st.st_mode, st.st_uid, st.st_gid) == (0o42750, 1001, 1001)
    mount.path("data/file").write_text("changed")
    assert mount.path("data/sub/link").read_text() == "changed"
    assert (layer / "data/file").read_text() == "the image's\n"


@pytest.mark.parametrize("said, mode, uid, gid", [("mode=0700", 0o700, 1001, 1001), ("uid=33", 0o2750, 33, 1001),
                                                  ("mode=1775,uid=0,gid=33", 0o1775, 0, 33)])
def test_tmpcopyup_with_an_owner_that_is_said(rofuse, layer, said, mode, uid, gid):
    """What is said of the place itself counts before what the image has; of what is in it nothing was said."""
    mount = rofuse(layers=[layer], tmpfs=[f"/data:tmpcopyup,{said}"])
    st = os.stat(mount.path("data"))
    assert (stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid) == (mode, uid, gid)
    for name in ("data/file", "data/sub"):
        st, image = os.stat(mount.path(name)), os.stat(layer / name)
        assert (st.st_mode, st.st_uid, st.st_gid) == (image.st_mode, image.st_uid, image.st_gid)


def test_tmpcopyup_into_too_little_space(rofuse, layer):
    (layer / "data/huge").write_bytes(b"x" * (2 << 20))
    with pytest.raises(RuntimeError, match="size"):
        rofuse(layers=[layer], tmpfs=["/data:tmpcopyup,size=1m"])


@pytest.mark.parametrize("how", ["end", "kill"])
def test_a_tmpfs_is_gone_after_the_mount(rofuse, layer, how):
    mount = rofuse(layers=[layer], tmpfs=["/data"])
    mount.path("data/secret").write_text("x" * 100000)
    getattr(mount, how)()
    again = rofuse(layers=[layer], tmpfs=["/data"])
    assert os.listdir(again.path("data")) == []
    with open("/proc/self/mountinfo", encoding="utf-8") as table:
        assert not [line for line in table if str(mount.scratch) in line and " tmpfs " in line]


def test_a_tmpfs_is_each_mounts_own(rofuse):
    first, second = rofuse(tmpfs=["/data"]), rofuse(tmpfs=["/data"])
    first.path("data/file").write_text("x")
    assert os.listdir(second.path("data")) == []


def program(path, source):
    """Copies a program, as anything that somebody could want to run there."""
    shutil.copy(source, path)
    os.chmod(path, 0o755)


def run(path, *args):
    return subprocess.run([path, *args], check=True, capture_output=True).stdout.decode().strip()


def test_execution(scratch, rofuse):
    """docker's --tmpfs is noexec; with exec, and in volumes and binds, programs run."""
    source = scratch / "source"
    source.mkdir()
    mount = rofuse(tmpfs=["/no", "/also:noexec,size=5m", "/yes:exec"], volume=["v:/volume", f"{source}:/bind"])
    for place in ("no", "also", "yes", "volume", "bind"):
        program(mount.path(f"{place}/echo"), "/bin/echo")
        mount.path(f"{place}/script").write_text("#!/bin/sh\necho from a script\n")
        os.chmod(mount.path(f"{place}/script"), 0o755)
        for uid in (0, 1001):
            outcome = call(lambda at=place: run(mount.path(f"{at}/echo"), "hello"), uid, uid)
            script = call(lambda at=place: run(mount.path(f"{at}/script")), uid, uid)
            if place in ("no", "also"):
                assert (outcome.name, script.name) == ("EACCES", "EACCES"), place
            else:
                assert (outcome.value, script.value) == ("hello", "from a script"), place
        assert call(lambda at=place: run("/bin/sh", mount.path(f"{at}/script"))).value == "from a script"


def test_a_program_that_runs_cannot_be_written(rofuse):
    mount = rofuse(volume=["v:/data"])
    program(mount.path("data/sleep"), "/bin/sleep")
    with subprocess.Popen([mount.path("data/sleep"), "60"]) as process:
        try:
            assert call(lambda: os.open(mount.path("data/sleep"), os.O_WRONLY)).name == "ETXTBSY"
            os.unlink(mount.path("data/sleep"))
        finally:
            process.kill()
    program(mount.path("data/sleep"), "/bin/sleep")
    assert call(lambda: os.close(os.open(mount.path("data/sleep"), os.O_WRONLY))).name == "OK"


def test_set_user_id_programs(rofuse, layer):
    """nosuid: whoever would gain by a program cannot run it; elsewhere its owner's rights are what it gets."""
    os.makedirs(layer / "bin")
    program(layer / "bin/id", "/usr/bin/id")
    os.chown(layer / "bin/id", 1002, 1002)
    os.chmod(layer / "bin/id", 0o6755)
    mount = rofuse(layers=[layer], tmpfs=["/nosuid:exec", "/suid:exec,suid"], volume=["v:/volume"])
    for place in ("nosuid", "suid", "volume"):
        program(mount.path(f"{place}/id"), "/usr/bin/id")
        os.chown(mount.path(f"{place}/id"), 1002, 1002)
        os.chmod(mount.path(f"{place}/id"), 0o6755)

    def who(place, uid):
        outcome = call(lambda: (run(mount.path(f"{place}/id"), "-u"), run(mount.path(f"{place}/id"), "-g")), uid, uid)
        return outcome.value or outcome.name
    for place in ("suid", "volume", "bin"):
        assert who(place, 1001) == ("1002", "1002"), place
    assert who("nosuid", 1001) in ("EACCES", ("1001", "1001"))
    assert who("nosuid", 1002) == ("1002", "1002"), "a program whose bits change nothing runs"
    os.chmod(mount.path("nosuid/id"), 0o755)
    assert who("nosuid", 1001) == ("1001", "1001")


def test_devices_are_no_devices(rofuse, layer):
    """The whole mount is nodev, whatever a route says."""
    os.mknod(layer / "data/null", 0o20666, os.makedev(1, 3))
    mount = rofuse(layers=[layer], tmpfs=["/tmp:dev"], volume=["v:/volume"])
    for place in ("tmp", "volume"):
        os.mknod(mount.path(f"{place}/null"), 0o20666, os.makedev(1, 3))
    for place in ("tmp", "volume", "data"):
        assert os.stat(mount.path(f"{place}/null")).st_rdev == os.makedev(1, 3)
        assert call(lambda at=place: os.open(mount.path(f"{at}/null"), os.O_RDONLY)).name == "EACCES"


def test_statfs_is_each_routes_own(scratch, rofuse, layer):
    source = scratch / "source"
    source.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m,nr_inodes=333", "none", source], check=True)
    mount = rofuse(layers=[layer], tmpfs=["/tmp:size=7m,nr_inodes=777"], volume=[f"{source}:/bind", "v:/volume"])

    def facts(path):
        st = os.statvfs(path)
        return st.f_blocks * st.f_frsize, st.f_files, st.f_namemax
    assert facts(mount.path("tmp")) == (7 << 20, 777, 255)
    assert facts(mount.path("bind")) == facts(source) == (3 << 20, 333, 255)
    assert facts(mount.path("volume")) == facts(mount.state)
    assert facts(mount.path("data")) == facts(layer)
    mount.path("tmp/file").write_bytes(b"x" * (1 << 20))
    assert facts(mount.path("tmp/file"))[0] == 7 << 20
    assert os.statvfs(mount.path("tmp")).f_bfree * 4096 == 6 << 20


def test_an_owner_that_the_name_space_does_not_know(scratch):
    """The kernel's own words, without the letter that it puts before them."""
    (scratch / "mnt").mkdir()
    done = subprocess.run(["unshare", "--user", "--map-root-user", "--mount", rofuse_test.BINARY, "mount", "--state-dir",
                           scratch / "state", "--tmpfs", "/run:uid=5", scratch / "mnt"], capture_output=True, text=True,
                          check=False, timeout=60)
    assert done.returncode != 0 and done.stderr.count("\n") == 1
    assert "the kernel refuses its options: tmpfs: " in done.stderr, done.stderr
