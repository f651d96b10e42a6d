"""A volume that is new and empty starts with what the image has there: all of it, or nothing yet."""

import os
import random
import sys
import threading
import time

import pytest

from denial_log import call
from route_helpers import image, on_tmpfs, refused, store
import rofuse_test

sys.path.insert(0, str(rofuse_test.ROOT / "tests" / "union"))
import compare  # noqa: E402
import stacks  # noqa: E402


def expect_copy(tree):
    """What a copy of a tree must be: its own link counts, those of files by the names that are there."""
    by_identity = {}
    for path, entry in tree.items():
        by_identity.setdefault(entry.identity, []).append(path)
    for entry in tree.values():
        if entry.is_dir:
            del entry.facts["nlink"]
        else:
            entry.facts["nlink"] = len(by_identity[entry.identity])
    return tree


@pytest.mark.parametrize("number", range(4))
def test_a_new_volume_is_filled(scratch, rofuse, number):  # pylint: disable=unused-argument
    """Random images: owner, mode, times, extended attributes, ACLs, hard links, devices, odd names, all layers."""
    seed = int(os.environ.get("ROFUSE_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"ROFUSE_SEED={seed}")
    chance = random.Random(seed)
    source = scratch / "source"
    source.mkdir()
    layers = []
    for layer in stacks.Generator(chance, source).stack(chance.randrange(1, 5)):
        outer = os.path.join(layer + b".outer", b"srv")
        os.makedirs(outer)
        os.rename(layer, os.path.join(outer, b"data"))
        layers.append(os.fsdecode(os.path.dirname(outer)))
    plain = rofuse(layers=layers)
    right = expect_copy(compare.walk(plain.path("srv/data")))
    mount = rofuse(layers=layers, volume=["v:/srv/data"])
    found = {path: entry for path, entry in compare.walk(mount.path("srv/data")).items()}
    for entry in found.values():
        if entry.is_dir:
            del entry.facts["nlink"]
    assert compare.differences(right, found) == [], f"ROFUSE_SEED={seed}"
    assert len(right) > 5
    kept = compare.walk(store(mount, "v"))
    for entry in kept.values():
        if entry.is_dir:
            del entry.facts["nlink"]
    assert compare.differences(right, kept) == [], f"ROFUSE_SEED={seed}"


def test_a_filled_volume_keeps_holes(scratch, rofuse):
    layer = image(scratch, data__small="x")
    with open(layer / "data" / "sparse", "wb") as file:
        file.write(b"begin")
        file.seek(50 << 20)
        file.write(b"middle")
        file.truncate(100 << 20)
    mount = rofuse(layers=[layer], volume=["v:/data"])
    with open(mount.path("data/sparse"), "rb") as file:
        assert file.read(5) == b"begin"
        file.seek(50 << 20)
        assert file.read(8) == b"middle\0\0"
    st = os.stat(store(mount, "v") / "sparse")
    assert st.st_size == 100 << 20
    assert st.st_blocks * 512 < 1 << 20, f"{st.st_blocks} blocks: the holes were filled"


def test_a_volume_with_content_keeps_it(scratch, rofuse):
    old = image(scratch, data__file="old image", data__other="x")
    mount = rofuse(layers=[old], volume=["v:/data"])
    mount.path("data/file").write_text("changed")
    mount.path("data/other").unlink()
    os.chmod(mount.path("data"), 0o711)
    mount.end()
    new = image(scratch, data__file="new image", data__other="y", data__third="z")
    again = rofuse(layers=[new], volume=["v:/data"])
    assert os.listdir(again.path("data")) == ["file"]
    assert again.path("data/file").read_text() == "changed"
    assert os.stat(again.path("data")).st_mode & 0o7777 == 0o711


def test_a_volume_where_the_image_has_nothing(rofuse):
    mount = rofuse(volume=["v:/not/there"])
    assert os.listdir(mount.path("not/there")) == []
    assert os.stat(mount.path("not/there")).st_mode == 0o40755


def test_nocopy(scratch, rofuse):
    layer = image(scratch, data__file="from the image")
    mount = rofuse(layers=[layer], volume=["v:/data:nocopy"])
    assert os.listdir(mount.path("data")) == []
    long_form = rofuse(layers=[layer], mount=["type=volume,source=w,target=/data,volume-nocopy"])
    assert os.listdir(long_form.path("data")) == []


def test_a_read_only_volume_is_filled_too(scratch, rofuse):
    layer = image(scratch, data__file="from the image")
    mount = rofuse(layers=[layer], volume=["v:/data:ro"])
    assert mount.path("data/file").read_text() == "from the image"
    with pytest.raises(OSError, match="Read-only file system"):
        mount.path("data/file").write_text("x")
    with pytest.raises(OSError, match="Read-only file system"):
        mount.path("data/new").mkdir()
    assert os.listdir(store(mount, "v")) == ["file"]


def test_owner_of_the_volume_is_the_images(scratch, rofuse):
    """So that a service that runs as a user of its own can write there."""
    layer = image(scratch, data__file="x")
    os.chown(layer / "data", 1001, 1001)
    os.chmod(layer / "data", 0o2750)
    mount = rofuse(layers=[layer], volume=["v:/data"])
    assert call(lambda: mount.path("data/new").write_text("y"), 1001, 1001).name == "OK"
    assert call(lambda: os.listdir(mount.path("data")), 1002, 1002).name == "EACCES"
    st = os.stat(store(mount, "v") / "new")
    assert (st.st_uid, st.st_gid) == (1001, 1001)
    assert os.stat(store(mount, "v")).st_mode & 0o7777 == 0o2750


def test_what_the_fill_reads_is_not_changed(scratch, rofuse):
    layer = image(scratch, data__a="1", data__sub__b="2", etc__c="3")
    os.link(layer / "data" / "a", layer / "etc" / "link")
    before = compare.walk(layer)
    mount = rofuse(layers=[layer], volume=["v:/data"])
    mount.path("data/a").write_text("changed")
    os.unlink(mount.path("data/sub/b"))
    assert mount.path("etc/link").read_text() == "1"
    assert compare.differences(before, compare.walk(layer)) == []


def large_image(scratch, n_files=3000):
    """Enough files that a kill can hit the copying."""
    layer = on_tmpfs(scratch / "large")
    for number in range(n_files):
        directory = layer / "data" / f"d{number % 30}"
        if number < 30:
            directory.mkdir(parents=True)
        (directory / str(number)).write_bytes(b"%d\n" % number * (1 + number % 50))
    return layer


def test_kill_during_the_first_fill(scratch, rofuse):
    """Whenever the daemon is killed: the next mount has all of the image's content, and nothing else."""
    layer = large_image(scratch)
    on_tmpfs(scratch / "state")
    right = {path: entry.facts.get("content") for path, entry in compare.walk(layer / "data").items()}
    chance = random.Random(os.environ.get("ROFUSE_SEED"))
    hits = 0
    for attempt in range(12):
        name = f"v{attempt}"
        mount = rofuse(layers=[layer], volume=[f"{name}:/data"], start=False)
        thread = threading.Thread(target=start_and_ignore, args=(mount,))
        thread.start()
        data, deadline = store(mount, name), time.monotonic() + 60
        while not data.parent.exists() and time.monotonic() < deadline:
            time.sleep(0.0005)
        time.sleep(chance.random() * 0.12 / (1 + attempt / 3))
        mount.kill()
        thread.join()
        rofuse_test.unmount_below(mount.point)
        left = sum(len(files) for _, _, files in os.walk(data))
        assert left in (0, 3000), f"a volume with {left} of 3000 files is there after a kill"
        begun = sum(len(files) for where, _, files in os.walk(data.parent) if where != str(data.parent))
        hits += left == 0 and begun > 0
        if left == 0 and hits <= 3:
            again = rofuse(layers=[layer], volume=[f"{name}:/data"])
            found = {path: entry.facts.get("content") for path, entry in compare.walk(again.path("data")).items()}
            assert found == right
            assert [name for name in os.listdir(data.parent) if "_data" in name] == ["_data"]
            again.end()
    assert hits > 0, "no kill hit the filling; the image is too small for this machine"


def start_and_ignore(mount):
    try:
        mount.start()
    except (RuntimeError, OSError):
        pass


def test_two_mounts_fill_one_volume_at_once(scratch, rofuse):
    layer = large_image(scratch, 1000)
    on_tmpfs(scratch / "state")
    right = {path: entry.facts.get("content") for path, entry in compare.walk(layer / "data").items()}
    mounts = [rofuse(layers=[layer], volume=["v:/data"], start=False) for _ in range(3)]
    threads = [threading.Thread(target=mount.start) for mount in mounts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for mount in mounts:
        found = {path: entry.facts.get("content") for path, entry in compare.walk(mount.path("data")).items()}
        assert found == right
    mounts[0].path("data/new").write_text("one volume")
    assert [mount.path("data/new").read_text() for mount in mounts] == ["one volume"] * 3


def test_a_failed_fill_leaves_no_volume(scratch, rofuse):
    """An image that cannot be read whole: the mount fails, and the next one, of a good image, fills the volume."""
    broken = image(scratch, data__file="x")
    with open(broken / "data" / "huge", "wb") as file:
        file.truncate(1 << 20)
        file.write(b"y" * (4 << 20))
    small = on_tmpfs(scratch / "state", "size=1m")
    refused(rofuse, "No space left", layers=[broken], volume=["v:/data"])
    data = small / "volumes" / "v" / "_data"
    assert not data.exists() or os.listdir(data) == []
    assert [entry for entry in os.listdir(data.parent) if "filling" in entry] == []
    good = image(scratch, data__file="good")
    mount = rofuse(layers=[good], volume=["v:/data"])
    assert mount.path("data/file").read_text() == "good"
    assert os.listdir(mount.path("data")) == ["file"]
