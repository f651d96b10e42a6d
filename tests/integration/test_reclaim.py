"""What the kernel asks when memory is short is no refusal (fs/ops_refusal.c)."""

import ctypes
import os
import subprocess
import sys
import threading

USER = 33
MS_REMOUNT = 32

libc = ctypes.CDLL(None, use_errno=True)
ROUNDS = 200


def test_who_goes_through_a_directory_while_inodes_are_dropped(rofuse, scratch):
    """An ordinary user writes to his place by way of directories that are not his: by each kind of path, no error, no record.

    Before it was told apart, one in fifty of these calls got EROFS.
    """
    layer = scratch / "bottom"
    (layer / "var/lib/uploads").mkdir(parents=True)
    os.chown(layer / "var/lib/uploads", USER, USER)
    (layer / "srv").symlink_to("var/lib")
    (layer / "many").mkdir()
    for i in range(1000):
        (layer / f"many/{i}").touch()
    mount = rofuse(layers=[layer], volume=["data:/var/lib/uploads"])
    ended = threading.Event()

    def drop():
        """As a machine that is short of memory would, but of this mount alone (shrink_dcache_sb in reconfigure_super)."""
        target = os.fsencode(mount.point)
        while not ended.is_set():
            assert libc.mount(None, target, None, MS_REMOUNT, None) == 0, os.strerror(ctypes.get_errno())

    def look():
        while not ended.is_set():
            for entry in os.scandir(mount.path("many")):
                entry.stat()

    others = [threading.Thread(target=work) for work in (drop, look)]
    for other in others:
        other.start()
    try:
        done = subprocess.run([sys.executable, __file__, mount.point], user=USER, group=USER, extra_groups=[], check=False,
                              capture_output=True, text=True, timeout=300)
    finally:
        ended.set()
        for other in others:
            other.join()
    assert done.returncode == 0, done.stderr
    assert mount.records() == []


def use(way, name):
    """Changes names there; NAME is another way to way/file."""
    os.close(os.open(f"{way}/file", os.O_CREAT | os.O_WRONLY, 0o644))
    os.truncate(f"{way}/file", 10)
    os.rename(f"{way}/file", f"{way}/other")
    os.link(f"{way}/other", f"{way}/file")
    os.utime(f"{way}/file")
    os.unlink(f"{way}/other")
    os.rename(f"{way}/file", f"{name}2")
    os.link(f"{name}2", f"{way}/file")
    os.unlink(f"{way}/file")
    os.unlink(f"{way}/file2")
    os.mkdir(f"{way}/directory")
    os.rmdir(f"{way}/directory")


def work(root):
    os.chdir(f"{root}/var")
    for _ in range(ROUNDS):
        for way in (f"{root}/var/lib/uploads", f"{root}/srv/uploads", "lib/uploads", "../var/lib/uploads", "../srv/uploads"):
            use(way, "lib/uploads/file")
    os.chdir("lib/uploads")
    for _ in range(ROUNDS):
        use(f"{root}/var/lib/uploads", "file")


if __name__ == "__main__":
    work(sys.argv[1])
