"""rofuse learn diff while what it looks at changes."""

import concurrent.futures
import ctypes
import os
import threading

from control import Control


def test_diff_waits_for_nobody(rofuse, scratch):
    """A file that is compared with the image's and is a fifo by the time that it is opened."""
    (scratch / "layer" / "var").mkdir(parents=True)
    (scratch / "layer" / "var" / "data").write_text("ten bytes\n")
    mount = rofuse(layers=[scratch / "layer"], extra=["--learn"])
    path, fifo = mount.path("/var/data"), mount.path("/var/fifo")
    path.write_text("other byte\n")
    os.mkfifo(fifo)
    ended = threading.Event()

    def exchange():
        libc = ctypes.CDLL(None)
        while not ended.is_set():
            libc.renameat2(-1, os.fsencode(path), -1, os.fsencode(fifo), 2)

    with concurrent.futures.ThreadPoolExecutor() as pool, Control(mount) as control:
        exchanging = pool.submit(exchange)
        try:
            for _ in range(1000):
                assert {change["path"] for change in control.result("learn.diff")["changes"]} <= {"/var/data", "/var/fifo"}
        finally:
            ended.set()
        exchanging.result()
