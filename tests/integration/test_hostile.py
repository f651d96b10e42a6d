"""Hostile callers and hostile changes behind the mount: nobody else waits, no other file is ever served."""

import errno
import os
import pathlib
import random
import signal
import stat
import subprocess
import threading
import time

import pytest
from denial_log import Log, call, fingerprint, rename2, validate
import rofuse_test

LIB = rofuse_test.ROOT / "tests" / "lib"
RENAME_EXCHANGE = 2
MMAP = {"x86_64": 9, "aarch64": 222}.get(os.uname().machine)
SECRET = "the host's secret"


@pytest.fixture
def layer(scratch):
    path = scratch / "layer"
    (path / "etc").mkdir(parents=True)
    (path / "etc" / "file").write_text("from the image\n")
    (path / "etc" / "passwd").write_text("the image's passwd\n")
    return path


@pytest.fixture(scope="session")
def programs(tmp_path_factory):
    """flood and trapper, built."""
    where = tmp_path_factory.mktemp("hostile")
    for name in ("flood", "trapper"):
        subprocess.run(["cc", "-std=gnu17", "-D_GNU_SOURCE", "-O2", "-pthread", "-o", where / name, LIB / f"{name}.c"],
                       check=True)
    return where


def works(log):
    """The mount answers another process: a read, a write in the route, a denial with its record."""
    def run():
        assert log.mount.path("/etc/file").read_text() == "from the image\n"
        log.mount.path("/data/works").write_text("x")
        os.unlink(log.mount.path("/data/works"))
        os.mkdir(log.mount.path("/etc/still"))

    outcome = call(run, seconds=30)
    assert outcome.name == "EROFS"
    return outcome.pid


def test_killed_in_the_middle_of_denied_calls(rofuse, layer, programs):
    """SIGKILL while the daemon is making the record; threads that are gone with their tids."""
    log = Log(rofuse(layers=[layer], volume=["v:/data"]))
    seed = int(os.environ.get("ROFUSE_TEST_SEED", str(time.time_ns() % 1_000_000)))
    chance = random.Random(seed)
    print(f"seed {seed}")
    for _ in range(30):
        flood = subprocess.Popen([programs / "flood", log.mount.path("/etc"), "1", "4", "100000000", "distinct"],
                                 stdout=subprocess.PIPE, start_new_session=True)
        assert flood.stdout.readline() == b"started\n"
        time.sleep(chance.random() / 50)
        os.killpg(flood.pid, signal.SIGKILL)
        flood.stdout.close()
        flood.wait()
    works(log)
    pids = {event["process"]["pid"] for event in log.take_events() if event.get("path") == "/etc/still"}
    assert pids
    for event in log.mount.events()[-500:]:
        validate(event)


def test_threads_that_end_at_once(rofuse, layer):
    """Each denied call comes from a thread of its own that is gone right after."""
    log = Log(rofuse(layers=[layer], volume=["v:/data"]))

    def run():
        seen = []

        def work(number):
            try:
                os.mkdir(log.mount.path(f"/etc/{number}"))
            except OSError:
                seen.append((f"/etc/{number}", threading.get_native_id()))

        for number in range(300):
            thread = threading.Thread(target=work, args=(number,))
            thread.start()
            if number % 7 == 0:
                thread.join()
        while len(seen) < 300:
            time.sleep(0.01)
        return seen

    outcome = call(run)
    records = log.take()
    assert sorted(outcome.value) == sorted((r["path"], r["process"]["tid"]) for r in records)
    assert {r["process"]["pid"] for r in records} == {outcome.pid}


def test_the_main_thread_has_ended(rofuse, layer):
    """A process whose first thread has ended (a zombie leader) is named by its pid; what cannot be read is unknown."""
    log = Log(rofuse(layers=[layer], volume=["v:/data"]))
    code = r"""
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
static void *work(void *path)
{
    char state[200] = "";
    do {
        FILE *stat = fopen("/proc/self/stat", "r");
        if (!stat || !fgets(state, sizeof state, stat)) return NULL;
        fclose(stat);
    } while (state[0] && !__builtin_strstr(state, ") Z"));
    mkdir(path, 0755);
    _exit(0);
}
int main(int argc, char **argv)
{
    pthread_t thread;
    (void)argc;
    pthread_create(&thread, NULL, work, argv[1]);
    pthread_exit(NULL);
}
"""
    program = log.mount.scratch / "leader"
    subprocess.run(["cc", "-x", "c", "-pthread", "-o", program, "-"], input=code, text=True, check=True)
    process = subprocess.Popen([program, log.mount.path("/etc/new")])
    assert process.wait(60) == 0
    record = log.one()
    assert record["path"] == "/etc/new"
    assert record["process"]["pid"] == process.pid != record["process"]["tid"]
    works(log)


@pytest.mark.parametrize("uid", [0, 2000])
def test_memory_that_cannot_be_read(uid, rofuse, scratch, layer, programs):
    """Reading the caller's arguments would wait for ever: at most one thread of the daemon does, the others serve."""
    other = rofuse(tmpfs=["/slow"])
    other.path("/slow/page").write_bytes(b"y" * 4096)
    other.path("/slow/page").chmod(0o666)
    log = Log(rofuse(layers=[layer], volume=["v:/data"]))
    trapper = subprocess.Popen(["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", programs / "trapper",
                                log.mount.path("/etc"), "16", other.path("/slow/page")], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE)
    reader = None
    try:
        assert trapper.stdout.readline() == b"mapped\n"
        other.process.send_signal(signal.SIGSTOP)
        trapper.stdin.write(b"go\n")
        trapper.stdin.flush()
        wait_for_lock(trapper.pid)
        reader = subprocess.Popen(["cat", f"/proc/{trapper.pid}/cmdline"], stdout=subprocess.DEVNULL)
        for _ in range(5):
            works(log)
            assert trapper.poll() is None
        assert reader.poll() is None, "the trap did not hold: nothing was tested"
    finally:
        trapper.kill()
        other.process.send_signal(signal.SIGCONT)
        trapper.communicate()
        if reader is not None:
            reader.wait()
    mine = [r for r in log.take_events() if r.get("path", "").startswith("/etc/trap-")]
    assert mine and {r["process"]["pid"] for r in mine} == {trapper.pid}
    works(log)
    assert log.mount.end() == 0


def wait_for_lock(pid):
    """Until the process's first thread is in mmap(2), where it waits for the stopped daemon."""
    deadline = time.monotonic() + 60
    while pathlib.Path(f"/proc/{pid}/syscall").read_text().split()[0] != str(MMAP):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_stopped_caller(rofuse, layer):
    """A caller that is stopped in the middle of its calls is in nobody's way."""
    log = Log(rofuse(layers=[layer], volume=["v:/data"]))
    code = """
import os, signal, sys
signal.alarm(120)
for turn in range(1 << 30):
    try:
        os.mkdir(sys.argv[1])
    except OSError:
        turn or print("begun", flush=True)
"""
    caller = subprocess.Popen(["/usr/bin/python3", "-c", code, log.mount.path("/etc/new")], stdout=subprocess.PIPE)
    try:
        assert caller.stdout.readline() == b"begun\n"
        for _ in range(50):
            caller.send_signal(signal.SIGSTOP)
            os.waitpid(caller.pid, os.WUNTRACED)
            caller.send_signal(signal.SIGCONT)
        caller.send_signal(signal.SIGSTOP)
        works(log)
    finally:
        caller.kill()
        caller.communicate()
    mine = [r for r in log.take_events() if r.get("path") == "/etc/new"]
    assert mine and {r["process"]["pid"] for r in mine} == {caller.pid}


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
        directory = os.open("sub" if not os.path.islink("sub") else "other", os.O_RDONLY | os.O_DIRECTORY)
        texts = set()
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
