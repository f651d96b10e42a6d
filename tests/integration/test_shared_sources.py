"""Routes whose backing directory somebody else uses as well, and programs that would exhaust the daemon."""

import fcntl
import mmap
import os
import subprocess
import sys
import threading

import pytest

USER = 1000


def data(mount, name="v"):
    """The backing directory of a volume."""
    return mount.state / "volumes" / name / "_data"


def descriptors(mount):
    return len(os.listdir(f"/proc/{mount.process.pid}/fd"))


def resident_kib(mount):
    with open(f"/proc/{mount.process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


def test_nobody_else_reaches_the_store(rofuse):
    """A set-user-ID program that a container made is none of the host's."""
    mount = rofuse(volume=["v:/v"])
    program = mount.path("/v/id")
    program.write_bytes(open("/usr/bin/id", "rb").read())
    program.chmod(0o4755)
    # A shell between them: setpriv itself still has its capabilities when it looks for the program.
    done = subprocess.run(["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "sh", "-c", '"$0"',
                           str(data(mount) / "id")], check=False, capture_output=True)
    assert done.returncode != 0
    assert b"euid" not in done.stdout


def test_source_bound_below_itself(rofuse, scratch):
    source = scratch / "source"
    (source / "x").mkdir(parents=True)
    (source / "file").write_text("here")
    subprocess.run(["mount", "--bind", str(source), str(source / "x")], check=True)
    mount = rofuse(volume=[f"{source}:/b"])
    with pytest.raises(OSError):
        os.listdir(mount.path("/b/x"))
    assert mount.path("/b/file").read_text() == "here"


def test_open_file_renamed_and_removed_by_the_host(rofuse):
    mount = rofuse(volume=["v:/v"])
    fd = os.open(mount.path("/v/log"), os.O_RDWR | os.O_CREAT, 0o644)
    try:
        os.write(fd, b"abc")
        os.rename(data(mount) / "log", data(mount) / "log.1")
        assert os.fstat(fd).st_size == 3
        os.ftruncate(fd, 2)
        os.fchmod(fd, 0o600)
        os.setxattr(fd, "user.a", b"1")
        assert (data(mount) / "log.1").stat().st_size == 2
        os.unlink(data(mount) / "log.1")
        assert os.fstat(fd).st_nlink == 0
        assert os.pread(fd, 10, 0) == b"ab"
    finally:
        os.close(fd)
    assert not mount.path("/v/log").exists()


def test_file_of_an_overlay_that_is_copied_up(rofuse, scratch):
    for name in ("lower", "upper", "work", "merged"):
        (scratch / name).mkdir()
    (scratch / "lower" / "file").write_text("from below")
    subprocess.run(["mount", "-t", "overlay", "-o", f"lowerdir={scratch}/lower,upperdir={scratch}/upper,workdir={scratch}/work",
                    "overlay", str(scratch / "merged")], check=True)
    mount = rofuse(volume=[f"{scratch}/merged:/b"])
    fd = os.open(mount.path("/b/file"), os.O_RDWR)
    try:
        os.fchmod(fd, 0o600)
        os.ftruncate(fd, 4)
    finally:
        os.close(fd)
    assert (scratch / "merged" / "file").read_text() == "from"


def test_direct_io_with_a_mapping(rofuse):
    mount = rofuse(volume=["v:/v"])
    try:
        fd = os.open(mount.path("/v/file"), os.O_RDWR | os.O_CREAT | os.O_DIRECT, 0o644)
    except OSError as error:
        pytest.skip(f"the test directory's file system has no O_DIRECT: {error}")
    try:
        os.ftruncate(fd, 8192 - 100)
        mapping = mmap.mmap(fd, 8192 - 100)
        mapping[0:5] = b"hello"
        mapping.flush()
        assert (data(mount) / "file").read_bytes()[:5] == b"hello"
        fcntl.fcntl(fd, fcntl.F_SETFL, 0)
        assert os.pwrite(fd, b"abc", 1) == 3
    finally:
        os.close(fd)


def test_removed_links_hold_no_descriptors(rofuse):
    mount = rofuse(tmpfs=["/t"])
    one, two = mount.path("/t/one"), mount.path("/t/two")
    one.mkdir()
    two.mkdir()
    for i in range(300):
        (one / str(i)).write_text("x")
        os.link(one / str(i), two / str(i))
    before = descriptors(mount)
    for i in range(300):
        os.unlink(two / str(i))
    assert descriptors(mount) < before + 10
    assert (one / "7").read_text() == "x"


def test_many_arguments_cost_little_memory(rofuse):
    """16,000 empty words, 6,000 names: with all words kept, 2.5 GiB."""
    mount = rofuse(fold=60)
    script = f"import os\nfor i in range(6000):\n    try: os.mkdir(f'{mount.path('/')}/{{i}}')\n    except OSError: pass"
    subprocess.run([sys.executable, "-c", script] + [""] * 16000, check=True)
    assert resident_kib(mount) < 1024 * 1024


def test_open_directories_share_a_listing(rofuse, scratch):
    layer = scratch / "layer"
    (layer / "big").mkdir(parents=True)
    for i in range(20000):
        (layer / "big" / f"a-name-that-is-not-short-{i}").touch()
    mount = rofuse(layers=[layer])
    scans = [os.scandir(mount.path("/big")) for _ in range(60)]
    try:
        for scan in scans:
            next(scan)
        assert resident_kib(mount) < 200 * 1024
    finally:
        for scan in scans:
            scan.close()


def test_frozen_source_stops_nobody_else(rofuse, scratch):
    """As many programs as there are threads to begin with wait for a disk; a tmpfs and the image go on."""
    image, source = scratch / "disk", scratch / "source"
    source.mkdir()
    image.write_bytes(b"")
    os.truncate(image, 32 << 20)
    subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
    if subprocess.run(["mount", "-o", "loop", str(image), str(source)], check=False, capture_output=True).returncode != 0:
        pytest.skip("no loop device here")
    mount = rofuse(volume=[f"{source}:/slow"], tmpfs=["/t"])
    for i in range(8):
        (source / f"dir{i}").mkdir()
    subprocess.run(["fsfreeze", "-f", str(source)], check=True)
    waiting = [threading.Thread(target=os.rename, args=(mount.path(f"/slow/dir{i}"), mount.path(f"/slow/dir{i}/../new{i}")))
               for i in range(1)]
    waiting += [threading.Thread(target=os.mkdir, args=(mount.path(f"/slow/dir{i}/sub"),)) for i in range(1, 8)]
    try:
        for thread in waiting:
            thread.start()
        done = subprocess.run(["sh", "-c", "mkdir new && echo x >new/file && cat new/file && ls ../etc"], cwd=mount.path("/t"),
                              capture_output=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
    finally:
        subprocess.run(["fsfreeze", "-u", str(source)], check=True)
        for thread in waiting:
            thread.join()
    assert (source / "new0").is_dir()
