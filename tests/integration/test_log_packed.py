"""Logs that logrotate or somebody else has compressed: read as the others are, and damaged ones said."""

import bz2
import gzip
import json
import lzma
import os
import pathlib
import resource
import shutil
import signal
import subprocess

import pytest
import rofuse_test

PACK = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": lambda data: subprocess.run(["zstd", "-q"], input=data, stdout=subprocess.PIPE, check=True).stdout,
    ".lz4": lambda data: subprocess.run(["lz4", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout,
}
if shutil.which("lz4") is None:
    PACK[".lz4"] = gzip.compress  # the first bytes tell, not the name


def rofuse(*more, stdin=b"", **named):
    words = [rofuse_test.BINARY, *map(str, more)]
    return subprocess.run(words, capture_output=True, check=False, input=stdin, timeout=120, **named)


def paths(done):
    return [json.loads(line)["path"] for line in done.stdout.splitlines()]


def of_mount(mount, *more):
    return rofuse("log", f"--state-dir={mount.state}", "--json", *more)


def touch(mount, name):
    subprocess.run(["touch", str(mount.path(name))], check=False, capture_output=True)
    rofuse_test.wait_until(lambda: any(event.get("path") == f"/{name}" for event in mount.events()), f"the record of {name}")


def rotate(mount, number, pack=None):
    """As logrotate does, which keeps the number while it compresses."""
    place = mount.log_path.with_name(f"{mount.log_path.name}.{number}")
    mount.log_path.rename(place)
    mount.process.send_signal(signal.SIGHUP)
    rofuse_test.wait_until(mount.log_path.exists, "the new log")
    if pack is not None:
        packed = place.with_name(place.name + pack)
        packed.write_bytes(PACK[pack](place.read_bytes()))
        place.unlink()
        place = packed
    return place


@pytest.fixture
def mount(rofuse):
    return rofuse()


@pytest.fixture
def rotated(mount):
    """/a to /f, in order, each in a file that is compressed in its own way; the two newest are plain."""
    files = []
    for number, pack in ((9, ".gz"), (8, ".xz"), (7, ".bz2"), (3, ".zst"), (2, ".lz4"), (1, None)):
        touch(mount, chr(ord("a") + len(files)))
        files.append(rotate(mount, number, pack))
    touch(mount, "z")
    mount.kill()
    return mount, files


def test_what_was_rotated_and_compressed_is_read_in_its_order(rotated):
    mount, files = rotated
    done = of_mount(mount)
    assert (paths(done), done.stderr, done.returncode) == (["/a", "/b", "/c", "/d", "/e", "/f", "/z"], b"", 0)
    assert paths(of_mount(mount, "--path", "/[bde]")) == ["/b", "/d", "/e"]
    # Just now one is compressed: it is whole, and what it becomes is not.
    plain, packed = files[5], files[5].with_name(files[5].name + ".gz")
    packed.write_bytes(gzip.compress(plain.read_bytes())[:-20])
    assert (paths(of_mount(mount))[5:], of_mount(mount).stderr) == (["/f", "/z"], b"")
    plain.unlink()
    packed.write_bytes(gzip.compress(files[0].read_bytes()))
    # Taken off once and no more.
    done = of_mount(mount)
    assert (paths(done), done.returncode) == (["/a", "/b", "/c", "/d", "/e", "/z"], 0)


@pytest.mark.parametrize("older, newer", [(".gz", ".zst"), (".zst", ".gz")])
def test_two_compressed_ones_of_one_number_are_two_logs(rotated, older, newer):
    """Where logrotate was told another way to compress; the order in the directory tells nothing, the times do."""
    mount, files = rotated
    whole = [gzip.decompress(files[0].read_bytes()), files[5].read_bytes()]
    for file in files:
        file.unlink()
    for number, (pack, data) in enumerate(zip((older, newer), whole, strict=True)):
        place = mount.log_path.with_name(mount.log_path.name + ".2" + pack)
        place.write_bytes(PACK[pack](data))
        os.utime(place, (1_700_000_000 + number, 1_700_000_000 + number))
    done = of_mount(mount)
    assert (paths(done), done.stderr, done.returncode) == (["/a", "/f", "/z"], b"", 0)


def test_an_older_log_that_is_damaged_is_said_and_the_others_are_read(rotated):
    mount, files = rotated
    whole = files[1].read_bytes()
    files[1].write_bytes(whole[:len(whole) // 2])
    # Its first record is there; after it comes what no log is like.
    bomb = files[3]
    text = subprocess.run(["zstd", "-dcq", bomb], capture_output=True, check=True).stdout
    bomb.write_bytes(PACK[".zst"](text) + PACK[".zst"](bytes(64 << 20)) * 8)
    files[4].write_bytes(b"\x04\x22\x4d\x18")
    mount.log_path.with_name(mount.log_path.name + ".4.gz").write_bytes(b"\x1f\x8b\x08")
    mount.log_path.with_name(mount.log_path.name + ".6.gz").write_bytes(gzip.compress(b""))
    mount.log_path.with_name(mount.log_path.name + ".5.Z").write_bytes(b"\x1f\x9d\x90h\xca\xb0a\xf3F\xc1")
    done = of_mount(mount)
    assert (paths(done), done.returncode) == (["/a", "/c", "/d", "/f", "/z"], 0)
    said = done.stderr.decode().splitlines()
    assert [line.split(": ")[1] for line in said] == [
        f"cannot read the log {mount.log_path}{name}" for name in (".8.xz", ".5.Z", ".4.gz", ".3.zst", ".2.lz4")]
    assert "it decompresses to more than 268435456 bytes" in said[3]
    assert all("cannot be decompressed" in said[i] for i in (0, 1, 2, 4))
    assert all(line.endswith("; what it has further is left out") for line in said)


@pytest.mark.parametrize("pack", PACK)
def test_a_log_that_is_named_may_be_compressed(mount, pack):
    touch(mount, "a")
    touch(mount, "b")
    mount.kill()
    plain, packed = mount.log_path, mount.scratch / "no.name"
    packed.write_bytes(PACK[pack](plain.read_bytes()))
    for stdin, word in ((b"", packed), (packed.read_bytes(), "-")):
        assert paths(rofuse("log", "--json", "--from", word, stdin=stdin)) == ["/a", "/b"]
        for command in (["facts", "--json"], ["advise", "--for", "rofuse"], ["audit"]):
            expected = rofuse(*command, "--from", plain)
            done = rofuse(*command, "--from", word, stdin=stdin)
            named = done.stdout.replace(b"stdin" if word == "-" else bytes(packed), bytes(plain))
            assert (named, done.returncode) == (expected.stdout, expected.returncode) and named
    # Facts that were saved, too.
    document = rofuse("facts", "--json", "--from", plain).stdout
    packed.write_bytes(PACK[pack](document))
    assert rofuse("advise", "--for", "rofuse", "--from", packed).stdout == rofuse("advise", "--for", "rofuse", "--from", plain).stdout
    # Half of it is not the whole: a gate that did not know would open.
    whole = PACK[pack](plain.read_bytes())
    packed.write_bytes(whole[:len(whole) * 3 // 4])
    for command in ("log", "facts", "audit"):
        done = rofuse(command, "--from", packed)
        assert done.returncode == 1 and b"no.name: cannot be decompressed" in done.stderr, done


@pytest.mark.parametrize("head", [b"BZip", b"(x", b"PQRSTUVW", b"\x1f", b"\xfd7zX"])
def test_what_only_begins_like_something_compressed_is_a_line(mount, head):
    touch(mount, "a")
    mount.kill()
    text = head + b"\n" + mount.log_path.read_bytes()
    spoiled = mount.scratch / "spoiled"
    spoiled.write_bytes(text)
    for stdin, word in ((b"", spoiled), (text, "-")):
        done = rofuse("log", "--json", "--from", word, stdin=stdin)
        assert paths(done) == ["/a"] and b"one line of the log is no record" in done.stderr


def test_a_bomb_takes_no_memory(scratch):
    if b"san_init" in pathlib.Path(rofuse_test.BINARY).read_bytes():
        pytest.skip("a sanitizer's memory is not the program's")
    bomb = scratch / "bomb"
    bomb.write_bytes(PACK[".zst"](bytes(64 << 20)) * 8)

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (192 << 20, 192 << 20))

    done = rofuse("log", "--from", bomb, preexec_fn=limit)
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (1, b"", 1)
    assert b"it decompresses to more than 268435456 bytes" in done.stderr
