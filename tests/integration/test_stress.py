"""Several processes change the same few names of a route at once: no answer but those a file system gives, and no lost file."""

import ctypes
import errno
import json
import os
import random
import subprocess
import sys
import time
import traceback

import pytest

PROCESSES = 4
# What plain file systems answer to the same programs; ESTALE, EIO or EACCES would be ours.
EXPECTED = {errno.ENOENT, errno.EEXIST, errno.ENOTEMPTY, errno.EXDEV, errno.EINVAL, errno.EISDIR, errno.ENOTDIR, errno.EBUSY}
RENAME_EXCHANGE = 2
DIRECTORIES = ["a", "b", "a/c", "b/c"]

libc = ctypes.CDLL(None, use_errno=True)


class Worker:
    """Does things at random to a few names, so that the processes meet."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.open = []

    def name(self):
        return os.path.join(self.random.choice([""] + DIRECTORIES), self.random.choice("xyzuvw"))

    def directory(self):
        return self.random.choice(DIRECTORIES)

    def create(self):
        fd = os.open(self.name(), os.O_RDWR | os.O_CREAT, 0o644)
        self.open.append(fd)
        os.write(fd, b"abc" * self.random.randrange(5000))

    def use(self):
        if self.open:
            fd = self.open.pop(self.random.randrange(len(self.open)))
            os.fstat(fd)
            os.pread(fd, 10000, 0)
            os.close(fd)

    def exchange(self):
        if libc.renameat2(-100, self.name().encode(), -100, self.name().encode(), RENAME_EXCHANGE) < 0:
            raise OSError(ctypes.get_errno(), "renameat2")

    def nameless(self):
        try:
            fd = os.open(self.random.choice([".", "a", "b"]), os.O_TMPFILE | os.O_RDWR)
        except PermissionError as error:
            if error.errno == errno.EPERM:
                return  # what ext4 says of a directory that has just been removed (__ext4_new_inode)
            raise
        try:
            os.write(fd, b"q")
            os.link(f"/proc/self/fd/{fd}", self.name(), follow_symlinks=True)
        finally:
            os.close(fd)

    def one(self):
        step = self.random.choice([
            lambda: os.mkdir(self.directory()), lambda: os.rmdir(self.directory()), self.create, self.create, self.use,
            self.use, lambda: os.rename(self.name(), self.name()), lambda: os.rename(self.directory(), self.directory()),
            lambda: os.unlink(self.name()), lambda: os.link(self.name(), self.name()), self.exchange, self.nameless,
            lambda: os.listdir(self.random.choice([".", "a", "b"])), lambda: os.stat(self.name()),
            lambda: os.truncate(self.name(), self.random.randrange(100000)),
            lambda: os.chmod(self.name(), 0o600 | self.random.randrange(64)),
            lambda: os.setxattr(self.name(), "user.a", b"b" * self.random.randrange(50))])
        step()

    def run(self, seconds):
        """How much was done, and of each error the last one, with its line and the names in it."""
        end, done, seen = time.monotonic() + seconds, 0, {}
        while time.monotonic() < end:
            try:
                self.one()
                done += 1
            except OSError as error:
                seen[error.errno] = f"{error}: {traceback.extract_tb(error.__traceback__)[-1].line}"
            if len(self.open) > 20:
                os.close(self.open.pop())
        return done, seen


def shape(root):
    """Every path with its type, size and inode identity."""
    found = {}
    for directory, directories, files in os.walk(root):
        for name in directories + files:
            path = os.path.join(directory, name)
            st = os.lstat(path)
            found[os.path.relpath(path, root)] = (st.st_mode, st.st_size, st.st_nlink)
    return found


@pytest.mark.parametrize("kind", ["volume", "tmpfs"])
def test_processes_that_meet_in_a_route(rofuse, kind):
    mount = rofuse(volume=["box:/box"]) if kind == "volume" else rofuse(tmpfs=["/box"])
    seed = int(os.environ.get("ROFUSE_SEED", time.time_ns() % 1000000))
    print("ROFUSE_SEED =", seed)
    seconds = os.environ.get("ROFUSE_STRESS_SECONDS", "5")
    workers = [subprocess.Popen([sys.executable, __file__, str(seed + i), seconds], cwd=mount.path("/box"),
                                stdout=subprocess.PIPE) for i in range(PROCESSES)]
    results = [json.loads(worker.communicate()[0]) for worker in workers]
    assert all(done > 0 for done, _ in results)
    unexpected = [said for _, seen in results for number, said in seen.items() if int(number) not in EXPECTED]
    assert not unexpected, mount.records()
    if kind == "volume":
        assert shape(mount.path("/box")) == shape(mount.state / "volumes" / "box" / "_data")
    assert mount.records() == []


if __name__ == "__main__":
    print(json.dumps(Worker(int(sys.argv[1])).run(float(sys.argv[2]))))
