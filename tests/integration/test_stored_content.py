"""Small files of the image are given to the page cache when they are opened: the content is right, and nobody asks for it."""

import json
import mmap
import os
import subprocess
import threading

import pytest

import rofuse_test

SIZES = [0, 1, 4095, 4096, 4097, 65535, 65536, 100_000, 131_071, 131_072, 131_073]


@pytest.fixture
def layer(scratch):
    layer = scratch / "layer"
    layer.mkdir()
    for size in SIZES:
        (layer / str(size)).write_bytes(os.urandom(size))
    return layer


def requests(mount):
    said = subprocess.run([rofuse_test.BINARY, "status", "--json", "--state-dir", mount.state, mount.point],
                          capture_output=True, text=True, check=True)
    return json.loads(said.stdout)["mounts"][0]["requests"]


def mapped(path):
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            return b""
        with mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapping:
            return mapping[:]


@pytest.mark.parametrize("look", [lambda path: path.read_bytes(), mapped,
                                  lambda path: subprocess.run(["cat", path], stdout=subprocess.PIPE, check=True).stdout],
                         ids=["read", "mmap", "cat"])
def test_content(rofuse, layer, look):
    mount = rofuse(layers=[layer], extra=["--passthrough", "off"])
    for size in SIZES:
        assert look(mount.path(str(size))) == (layer / str(size)).read_bytes(), size
    with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as file:
        file.write("1\n")
    for size in SIZES:  # what the kernel has let go of is read by a request
        assert look(mount.path(str(size))) == (layer / str(size)).read_bytes(), size


def test_nobody_asks_for_it(rofuse, layer):
    mount = rofuse(layers=[layer])
    small = [size for size in SIZES if size < 128 * 1024]
    for size in small:
        mount.path(str(size)).read_bytes()
    before = requests(mount)
    for size in small:
        assert mount.path(str(size)).stat().st_size == size
    after = requests(mount)
    assert before["open"] == len(small) and before["read"] == 0
    assert after["getattr"] == before["getattr"], "reading made no time stale"


def test_many_open_it_first(rofuse, layer):
    """The same files, opened for the first time by many at once, some of whom read at once."""
    for attempt in range(5):
        mount = rofuse(layers=[layer], extra=["--passthrough", "off"])
        wrong = []

        def read():
            for size in SIZES:
                if mount.path(str(size)).read_bytes() != (layer / str(size)).read_bytes():
                    wrong.append(size)

        threads = [threading.Thread(target=read) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong
        assert mount.end() == 0
