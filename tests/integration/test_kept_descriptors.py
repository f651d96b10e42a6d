"""What the daemon keeps for speed, and what it does not keep any more: never another file's, never a file that is no pointer."""

import os
import stat
import subprocess
import time

import pytest


@pytest.mark.parametrize("size", [10, 300_000])
def test_attributes_of_an_open_file_of_the_image(rofuse, scratch, size):
    """After a refused change of an ACL the kernel asks for the attributes again, by the open file."""
    layer = scratch / "layer"
    layer.mkdir()
    (layer / "file").write_bytes(b"x" * size)
    mount = rofuse(layers=[layer])
    fd = os.open(mount.path("file"), os.O_RDONLY)
    try:
        refused = subprocess.run(["setfacl", "-m", "u:1:r", mount.path("file")], capture_output=True, text=True)
        assert "Read-only file system" in refused.stderr
        assert os.lseek(fd, 0, os.SEEK_END) == size
        assert os.fstat(fd).st_size == size
        assert os.pread(fd, size, 0) == b"x" * size
    finally:
        os.close(fd)
    assert mount.process.poll() is None


def test_a_number_that_is_used_again(rofuse, scratch):
    """A directory that the host has removed is not the new one that has its number, whoever looked into that."""
    source = scratch / "source"
    source.mkdir()
    mount = rofuse(mount=[f"type=bind,source={source},target=/b"])
    for attempt in range(50):
        (source / "old").mkdir()
        number = os.stat(source / "old").st_ino
        inside = os.open(mount.path("/b/old"), os.O_RDONLY)
        os.rmdir(source / "old")
        (source / "new").mkdir(mode=0o700)
        (source / "new" / "secret").write_text("s")
        again = os.stat(source / "new").st_ino == number
        if again:
            time.sleep(1.1)  # attributes of a shared directory are believed for a second
            assert mount.path("/b/new/secret").read_text() == "s"
            try:
                seen = os.listdir(inside)
            except OSError:
                seen = []
            try:
                mode = stat.S_IMODE(os.fstat(inside).st_mode)
            except OSError:
                mode = None
        os.close(inside)
        subprocess.run(["rm", "-rf", source / "new"], check=True)
        if again:
            assert seen == [] and mode != 0o700
            return
    pytest.skip("the file system uses no number again")
