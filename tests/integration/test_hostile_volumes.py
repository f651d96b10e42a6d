"""Hostile content of volumes and changes behind the mount: no file but the route's own is ever served."""

import errno
import os
import pathlib
import stat
import threading

import pytest
from denial_log import Log, call, fingerprint, rename2, works

RENAME_EXCHANGE = 2
SECRET = "the host's secret"


@pytest.fixture
def layer(scratch):
    path = scratch / "layer"
    (path / "etc").mkdir(parents=True)
    (path / "etc" / "file").write_text("from the image\n")
    (path / "etc" / "passwd").write_text("the image's passwd\n")
    return path


def test_hostile_volume_names(rofuse, scratch, layer):
    """Names that mean something to somebody else are names in a volume: made, listed, removed as on the backing."""
    source = scratch / "source"
    source.mkdir()
    log = Log(rofuse(layers=[layer], volume=[f"{source}:/data"]))
    names = [b".wh.file", b".wh..wh..opq", b"..data", b"...", b"a\nb", b"\xff", b"-rf", b"x" * 255, b" ", b"\\"]
    at = os.fsencode(log.mount.path("/data"))
    for name in names:
        os.close(os.open(at + b"/" + name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    assert sorted(os.listdir(at)) == sorted(names) == sorted(os.listdir(os.fsencode(source)))
    for name in names:
        os.unlink(at + b"/" + name)
    assert os.listdir(source) == []
    assert log.take() == []


def test_symlinks_lead_nowhere_outside(rofuse, scratch, layer):
    """Symlinks to the host's files: whoever follows them does so in its own root, the daemon never does."""
    (scratch / "secret").mkdir()
    (scratch / "secret" / "file").write_text(SECRET)
    log = Log(rofuse(layers=[layer], volume=["v:/data"]))
    links = {"absolute": "/etc/passwd", "up": "../../../../../../../../etc/passwd",
             "directory": str(scratch / "secret"), "root": "/", "proc": "/proc/self/root", "self": "self",
             "store": "../../../etc/passwd"}

    def inside(run):
        def jailed():
            os.chroot(log.mount.point)
            os.chdir("/")
            return run()
        return call(jailed)

    def make():
        for name, text in links.items():
            os.symlink(text, f"/data/{name}")

    assert inside(make).errno == 0

    def follow(name, below=""):
        return inside(lambda: pathlib.Path(f"/data/{name}{below}").read_text())

    for name in ("absolute", "up", "store"):
        assert follow(name).value == "the image's passwd\n"
    assert follow("root", "/etc/passwd").value == "the image's passwd\n"
    assert follow("directory", "/file").name == "ENOENT"
    assert follow("self").name == "ELOOP"
    assert follow("proc", "/etc/passwd").name in ("ENOENT", "EACCES")
    assert inside(lambda: pathlib.Path("/data/absolute").write_text("x")).name == "EROFS"
    assert log.one()["path"] == "/etc/passwd"
    for name, text in links.items():
        assert os.readlink(log.mount.path("/data") / name) == text
        assert os.lstat(log.mount.path("/data") / name).st_size == len(text)
        outcome = inside(lambda name=name: os.chown(f"/data/{name}", 1000, 1000, follow_symlinks=False))
        assert outcome.errno == 0
    assert pathlib.Path("/etc/passwd").stat().st_uid == 0
    assert (scratch / "secret" / "file").read_text() == SECRET


@pytest.fixture
def swapped(rofuse, scratch, layer):
    """A bind whose files can be exchanged from outside, and a secret directory of the host with the same names."""
    source, secret = scratch / "source", scratch / "secret"
    for directory, text in ((source / "sub", "mine"), (secret, SECRET)):
        directory.mkdir(parents=True)
        (directory / "deep").mkdir()
        for name in ("file", "deep/file"):
            (directory / name).write_text(text)
    (secret / "hidden").touch()
    (scratch / "link").symlink_to(secret)
    log = Log(rofuse(layers=[layer], volume=[f"{source}:/data"]))
    return log, source, secret, scratch


def use_what_was_opened(log, swap):
    """Opens a directory, one below it and a file, lets swap() happen, and does all there is to do with them."""
    at = log.mount.path("/data/sub")
    directories = [os.open(path, os.O_RDONLY | os.O_DIRECTORY) for path in (at, at / "deep")]
    file_path = os.open(at / "file", os.O_PATH)
    swap()
    read = []

    def attempt(run):
        try:
            return run()
        except OSError as error:
            assert error.errno in (errno.ENOENT, errno.ESTALE, errno.ELOOP, errno.ENOTDIR, errno.EEXIST), error
            return None

    def read_file(name, directory=None):
        with open(os.open(name, os.O_RDONLY, dir_fd=directory), encoding="utf-8") as stream:
            read.append(stream.read())

    for directory in directories:
        for run in 3 * (lambda: read_file("file", directory), lambda: read.append(str(os.listdir(directory))),
                        lambda: os.close(os.open("planted", os.O_WRONLY | os.O_CREAT, 0o600, dir_fd=directory)),
                        lambda: os.mkdir("planted-directory", dir_fd=directory),
                        lambda: os.unlink("file", dir_fd=directory),
                        lambda: os.rename("deep", "moved", src_dir_fd=directory, dst_dir_fd=directory)):
            attempt(run)
    path = f"/proc/self/fd/{file_path}"
    for run in (lambda: read_file(path), lambda: os.chmod(path, 0o666), lambda: os.truncate(path, 0)):
        attempt(run)
    return read


def test_directory_replaced_by_a_symlink(swapped):
    """The program is in sub when sub becomes a symlink to another directory: never that one's files."""
    log, source, secret, scratch = swapped
    before = fingerprint(secret)

    def swap():
        os.rename(source / "sub", scratch / "aside")
        os.rename(scratch / "link", source / "sub")
        assert os.readlink(source / "sub") == str(secret)

    outcome = call(lambda: use_what_was_opened(log, swap))
    assert outcome.errno == 0, outcome
    assert SECRET not in outcome.value and not any("hidden" in text for text in outcome.value), outcome
    assert fingerprint(secret) == before
    works(log)


def test_swapping_while_reading_and_writing(swapped):
    """Directory and symlink change places as fast as they can: no read gives the secret, no write lands there."""
    log, source, secret, scratch = swapped
    stop = threading.Event()
    os.symlink(secret, source / "other")

    def swap():
        while not stop.is_set():
            rename2(source / "sub", source / "other", RENAME_EXCHANGE)

    def jailed():
        os.chroot(log.mount.point)
        os.chdir("/data")
        directory, texts = None, set()
        while directory is None:  # one of the two is the directory at any time
            for name in ("sub", "other"):
                try:
                    directory = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
                    break
                except OSError as error:
                    assert error.errno in (errno.ENOENT, errno.ESTALE, errno.ELOOP, errno.ENOTDIR), error
        for number in range(3000):
            for run in (lambda: texts.add(pathlib.Path("sub/file").read_text()),
                        lambda: texts.add(os.read(os.open("file", os.O_RDONLY, dir_fd=directory), 100).decode()),
                        lambda: os.close(os.open(f"new{number}", os.O_CREAT | os.O_WRONLY, 0o600, dir_fd=directory)),
                        lambda: os.close(os.open(f"sub/new{number}", os.O_CREAT | os.O_WRONLY, 0o600)),
                        lambda: os.listdir("sub")):
                try:
                    run()
                except OSError as error:
                    if error.errno == errno.EMFILE:
                        os.closerange(directory + 1, 4096)
                    elif error.errno not in (errno.ENOENT, errno.ESTALE, errno.ELOOP, errno.ENOTDIR):
                        raise
        return texts

    try:
        directory = os.open(log.mount.path("/data/sub"), os.O_RDONLY | os.O_DIRECTORY)
        os.close(directory)
        swapper = threading.Thread(target=swap)
        swapper.start()
        outcome = call(jailed, seconds=300)
    finally:
        stop.set()
        swapper.join()
    assert outcome.errno == 0, outcome
    assert outcome.value <= {"mine"}
    assert sorted(os.listdir(secret)) == ["deep", "file", "hidden"]
    assert (secret / "file").read_text() == SECRET
    works(log)


@pytest.mark.parametrize("kind", ["fifo", "device", "socket", "symlink", "directory"])
def test_something_else_in_a_file_s_place(kind, swapped):
    """The program knows a regular file; the host puts a fifo, a device, … there: an error, no hang, no other file."""
    log, source, secret, scratch = swapped
    handle = os.open(log.mount.path("/data/sub/file"), os.O_PATH)
    (source / "sub" / "file").unlink()
    if kind == "fifo":
        os.mkfifo(source / "sub" / "file")
    elif kind == "device":
        os.mknod(source / "sub" / "file", stat.S_IFCHR | 0o666, os.makedev(5, 0))
    elif kind == "socket":
        os.mknod(source / "sub" / "file", stat.S_IFSOCK | 0o666)
    elif kind == "symlink":
        (source / "sub" / "file").symlink_to(secret / "file")
    else:
        (source / "sub" / "file").mkdir()

    def use(flags):
        def run():
            fd = os.open(f"/proc/self/fd/{handle}", flags)  # no look-up: the daemon is asked to open what it knew
            return os.read(fd, 100) if flags & os.O_ACCMODE != os.O_WRONLY else os.write(fd, b"x")
        return run

    for flags in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_TRUNC):
        outcome = call(use(flags), seconds=30)
        assert outcome.name in ("ENOENT", "ESTALE", "ELOOP", "ENXIO", "EISDIR", "EACCES"), outcome
    for change in (lambda: os.truncate(f"/proc/self/fd/{handle}", 0), lambda: os.utime(f"/proc/self/fd/{handle}"),
                   lambda: os.chmod(f"/proc/self/fd/{handle}", 0o600), lambda: os.stat(f"/proc/self/fd/{handle}"),
                   lambda: os.getxattr(f"/proc/self/fd/{handle}", "user.a")):
        call(change, seconds=30)  # whatever the answer: it comes
    os.close(handle)
    assert (secret / "file").read_text() == SECRET
    works(log)
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW
    by_name = call(lambda: os.open(log.mount.path("/data/sub/file"), flags), seconds=30)
    expected = {"fifo": "OK", "device": "EACCES", "socket": "ENXIO", "symlink": "ELOOP", "directory": "OK"}[kind]
    assert by_name.name == expected, "by name it is seen for what it is"


def test_volume_swapped_away(swapped):
    """The whole source directory is moved and replaced by a symlink: the route stays what it was."""
    log, source, secret, scratch = swapped
    os.rename(source, scratch / "moved")
    os.symlink(secret, source)
    assert call(lambda: log.mount.path("/data/sub/file").read_text()).value == "mine"
    assert call(lambda: log.mount.path("/data/file").read_text()).name == "ENOENT"
    assert call(lambda: log.mount.path("/data/new").write_text("x")).errno == 0
    assert (scratch / "moved" / "new").exists() and not (secret / "new").exists()
