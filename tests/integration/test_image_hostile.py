"""Images that are wrong, each a file made here: refused with one line that names the entry, and nothing is changed."""

import gzip
import json
import os
import tarfile

import image_files
import pytest
from image_files import directory, entry, tar

ZEROS = 10 << 30


def with_long_pax_name():
    """A name of 64 KiB."""
    return tar([entry("n" * 65536, data=b"x")])


def raw_header(name, kind=b"0", size=0, link=b""):
    """A ustar header by hand, for what tarfile would not write."""
    fields = [name.ljust(100, b"\0"), b"0000644\0", b"0000000\0", b"0000000\0", b"%011o\0" % size, b"%011o\0" % image_files.TIME,
              b" " * 8, kind, link.ljust(100, b"\0"), b"ustar\00000", b"\0" * 64, b"0000000\0", b"0000000\0", b"\0" * 167]
    block = b"".join(fields)
    assert len(block) == 512
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def sparse_bomb():
    """GNU sparse 1.0 in pax: 10 GiB in a tar of some kilobytes."""
    records = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "hole", "GNU.sparse.realsize": str(ZEROS)}
    return tar([entry("GNUSparseFile.0/hole", data=b"0\n".ljust(512, b"\0"), pax_headers=records)])


def sparse_outside():
    """A piece of a sparse file that lies behind its end."""
    records = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "odd", "GNU.sparse.realsize": "100"}
    sparse_map = b"1\n5000\n600\n".ljust(512, b"\0")
    return tar([entry("GNUSparseFile.0/odd", data=sparse_map + b"x" * 600, pax_headers=records)])


def dot_dot_link():
    return tar([entry("f"), entry("l", tarfile.LNKTYPE, link="../../../../../../etc/passwd")])


SYMLINK = entry("s", tarfile.SYMTYPE, link="/etc")

# Name of the case, the layer's tar, what the line says.
TARS = [
    ("absolute", tar([entry("/etc/rofuse-was-here", data=b"x")]), ["/etc/rofuse-was-here", "absolute"]),
    ("up", tar([entry("../../rofuse-was-here")]), ["../../rofuse-was-here", ".."]),
    ("up-inside", tar([directory("a"), entry("a/../b")]), ["a/../b", ".."]),
    ("up-directory", tar([directory("a/..")]), ["a/..", ".."]),
    ("through-symlink", tar([SYMLINK, entry("s/rofuse-was-here")]), ["s/rofuse-was-here", "symbolic link"]),
    ("through-symlink-deep", tar([directory("d"), entry("d/s", tarfile.SYMTYPE, link=".."), entry("d/s/x/y")]), ["d/s/x/y", "symbolic link"]),
    ("directory-through-symlink", tar([SYMLINK, directory("s/new")]), ["s/new", "symbolic link"]),
    ("whiteout-through-symlink", tar([SYMLINK, entry("s/.wh.passwd")]), ["s/.wh.passwd", "symbolic link"]),
    ("link-up", dot_dot_link(), ["entry l", "hard link", "../../../../../../etc/passwd"]),
    ("link-absolute", tar([entry("l", tarfile.LNKTYPE, link="/etc/passwd")]), ["entry l", "hard link", "/etc/passwd"]),
    ("link-through-symlink", tar([SYMLINK, entry("l", tarfile.LNKTYPE, link="s/passwd")]), ["entry l", "hard link", "s/passwd", "symbolic link"]),
    ("link-to-missing", tar([entry("l", tarfile.LNKTYPE, link="nothing")]), ["entry l", "hard link", "nothing"]),
    ("link-to-directory", tar([directory("d"), entry("l", tarfile.LNKTYPE, link="d")]), ["entry l", "hard link", "directory"]),
    ("link-to-top", tar([entry("l", tarfile.LNKTYPE, link=".")]), ["entry l", "hard link"]),
    ("below-file", tar([entry("f"), entry("f/x")]), ["f/x", "no directory"]),
    ("below-fifo", tar([entry("f", tarfile.FIFOTYPE), entry("f/x")]), ["f/x", "no directory"]),
    ("over-full-directory", tar([directory("d"), entry("d/x"), entry("d")]), ["entry d", "not empty"]),
    ("overlay-whiteout", tar([entry("c", tarfile.CHRTYPE, devmajor=0, devminor=0)]), ["entry c", "0:0"]),
    ("device-number", tar([entry("c", tarfile.CHRTYPE, devmajor=70000, devminor=0)]), ["entry c", "device"]),
    ("whiteout-of-nothing", tar([directory("d"), entry("d/.wh.")]), ["d/.wh.", "whiteout"]),
    ("whiteout-of-dot", tar([entry(".wh..")]), [".wh..", "whiteout"]),
    ("whiteout-of-dot-dot", tar([directory("d"), entry("d/.wh...")]), ["d/.wh...", "whiteout"]),
    ("top-is-a-file", raw_header(b"."), ["entry .", "directory"]),
    ("top-is-a-symlink", raw_header(b"./", b"2", link=b"/etc"), ["entry ./", "directory"]),
    ("no-name", raw_header(b""), ["no name"]),
    ("long-name", tar([entry("n" * 256)]), ["nnnn", "256", "longer than 255"]),
    ("name-of-64k", with_long_pax_name(), ["nnnn", "65536", "longer than"]),
    ("deep", tar([entry("/".join(["d"] * 3000))]), ["d/d/d", "longer than"]),
    ("symlink-to-nothing", raw_header(b"s", b"2"), ["entry s", "to nothing"]),
    ("negative-owner", tar([entry("f", uid=2**32)]), ["entry f", "owner"]),
    ("sparse-bomb", sparse_bomb(), ["entry hole", "too many"]),
    ("sparse-outside", sparse_outside(), ["entry odd"]),
    ("truncated-content", tar([entry("good"), entry("cut", data=b"x" * 5000)])[:-8192], ["entry cut", "runcated"]),
    ("truncated-header", tar([entry("good")])[:700], ["behind entry 1"]),
    ("control-characters", tar([entry("a\n\x1b[31m\u202eb/../x")]), [r"\x0a\x1b[31m", ".."]),
    ("no-tar", b"this is no tar at all" * 100, ["tar"]),
]


def outside():
    """What entries that get out would change."""
    return sorted(os.listdir("/etc")), os.stat("/etc/passwd").st_nlink, sorted(os.listdir("/"))


@pytest.fixture(name="place")
def fixture_place(scratch):
    """The host's files beside the store do not change."""
    (scratch / "beside").write_text("not to be touched")
    before = outside()
    yield scratch
    assert outside() == before
    assert not os.path.lexists("/etc/rofuse-was-here")
    assert (scratch / "beside").read_text() == "not to be touched"


def check_refused(place, reference, says):
    line = image_files.refused("import", reference, state=place / "state", says=says)
    assert image_files.stored(place / "state") == image_files.EMPTY
    assert len(line) < 1000 and line.isprintable(), line
    return line


@pytest.mark.parametrize("how", ["", "gzip"])
@pytest.mark.parametrize("name, data, says", TARS, ids=[case[0] for case in TARS])
def test_hostile_layer(place, name, data, says, how):
    good = tar([entry("good")])
    image_files.layout(place / "oci", [good, data], how=how)
    line = image_files.refused("import", f"oci:{place}/oci", state=place / "state", says=says + ["layer 2 of 2"])
    assert len(line) < 1000 and line.isprintable(), line
    found = image_files.stored(place / "state")
    # The good layer may have been complete before.
    assert set(found["layers"]) <= {image_files.digest(good)[7:]} and found["images"] == [] and found["tmp"] == []


@pytest.mark.slow
def test_ten_gigabytes_of_zeros(place):
    """As content of a file that says so, and behind the end of the tar; compressed with zstd."""
    small = image_files.compress(bytes(128 << 20), "zstd") * (ZEROS // (128 << 20))
    head = image_files.compress(raw_header(b"zeros", size=(8 << 30) - 1), "zstd")
    for number, (blob, says) in enumerate(((head + small, ["too many", "zeros"]), (small, ["decompresses to more than"]))):
        made = image_files.Layout(place / f"oci{number}")
        layer = made.blob(blob, image_files.LAYER + "+zstd")
        config = made.json({"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": ["sha256:" + "0" * 64]}}, image_files.CONFIG)
        made.add(made.json({"schemaVersion": 2, "config": config, "layers": [layer]}, image_files.MANIFEST))
        check_refused(place, f"oci:{made.path}", says)
    # The archive as a whole.
    (place / "bomb.tar.zst").write_bytes(small)
    check_refused(place, f"docker-archive:{place}/bomb.tar.zst", ["bomb.tar.zst", "decompresses to more than"])


@pytest.mark.slow
def test_too_many_entries(place):
    """A hundred thousand hard links, which cost nothing but time."""
    link = raw_header(b"f", b"1", link=b"f")
    data = raw_header(b"f") + link * 100_000 + b"\0" * 1024
    image_files.layout(place / "oci", [data])
    check_refused(place, f"oci:{place}/oci", ["entry f", "entries", "too many"])


def test_later_entry_wins(place):
    """Duplicates, as docker and umoci take them: the later one, and what it takes the place of is gone."""
    os.makedirs(place / "state")
    data = tar([
        entry("f", data=b"first", mode=0o600), entry("l", tarfile.LNKTYPE, link="f"), entry("f", data=b"second"),
        directory("d", mode=0o700), entry("d/kept"), directory("d", mode=0o755, mtime=5),
        entry("s", tarfile.SYMTYPE, link="/etc/passwd"), entry("s", data=b"no link"),
        directory("e"), entry("e", tarfile.SYMTYPE, link="d"), entry("x", data=b"1"), directory("x"), entry("x/below"),
        entry("same", data=b"same"), entry("same", tarfile.LNKTYPE, link="./same"),
    ])
    image_files.layout(place / "oci", [data])
    image_files.succeed("import", f"oci:{place}/oci", "--name", "x", state=place / "state")
    tree = image_files.trees("x", place / "state")[0]
    read = {name: open(f"{tree}/{name}", "rb").read() for name in ("f", "l", "s", "same")}
    assert read == {"f": b"second", "l": b"first", "s": b"no link", "same": b"same"}
    assert os.stat(f"{tree}/d").st_mode & 0o777 == 0o755 and os.stat(f"{tree}/d").st_mtime == 5
    assert os.listdir(f"{tree}/d") == ["kept"] and os.readlink(f"{tree}/e") == "d" and os.listdir(f"{tree}/x") == ["below"]


def test_metadata_attributes_are_no_part_of_an_image(place):
    keys = {"user.overlay.opaque": "y", "trusted.overlay.opaque": "y", "user.containers.override_stat": "0:0:04777",
            "user.fuseoverlayfs.opaque": "y", "user.good": "kept"}
    data = tar([entry("f", pax_headers={f"SCHILY.xattr.{key}": value for key, value in keys.items()})])
    image_files.layout(place / "oci", [data])
    image_files.succeed("import", f"oci:{place}/oci", "--name", "x", state=place / "state")
    assert os.listxattr(f"{image_files.trees('x', place / 'state')[0]}/f") == ["user.good"]


def damage(made, what):
    """Something of a good layout made wrong; returns what the line says."""
    blobs = {path.name: path for path in (made.path / "blobs/sha256").iterdir()}
    manifest_name = made.manifests[0]["digest"][7:]
    manifest = json.loads(blobs[manifest_name].read_text())
    layer = blobs[manifest["layers"][0]["digest"][7:]]
    config = blobs[manifest["config"]["digest"][7:]]
    if what == "layer":
        layer.write_bytes(image_files.compress(tar([entry("other")]), "gzip").ljust(layer.stat().st_size, b"\0"))
        return ["layer 1 of 1", "digest"]
    if what == "layer-size":
        layer.write_bytes(layer.read_bytes() + b"more")
        return ["layer 1 of 1", "bytes and should have"]
    if what == "layer-missing":
        layer.unlink()
        return [layer.name, "No such file"]
    if what == "layer-truncated":
        manifest["layers"] = [made.blob(layer.read_bytes()[:-20], image_files.LAYER + "+gzip")]
    elif what == "layer-link":
        layer.unlink()
        layer.symlink_to("/etc/passwd")
        return [layer.name, "leads out of the image"]
    elif what == "layer-fifo":
        layer.unlink()
        os.mkfifo(layer)
        return [layer.name, "no regular file"]
    elif what == "config":
        config.write_text(config.read_text().replace("linux", "linuX"))
        return [config.name, "digest"]
    elif what == "manifest":
        blobs[manifest_name].write_text(blobs[manifest_name].read_text().replace("gzip", "gziq"))
        return [manifest_name, "digest"]
    elif what == "layer-type":
        manifest["layers"][0]["mediaType"] += "+encrypted"
    elif what == "layer-path":
        manifest["layers"][0]["digest"] = "sha256:../../../../etc/passwd"
    elif what == "too-few-layers":
        manifest["layers"] = []
    elif what == "artifact":
        manifest["config"]["mediaType"] = "application/vnd.oci.empty.v1+json"
    made.manifests = [made.json(manifest, image_files.MANIFEST)]
    made.write()
    return {"layer-truncated": ["layer 1 of 1", "runcated"], "layer-type": ["+encrypted"], "layer-path": ["../etc/passwd", "digest"],
            "too-few-layers": ["diff_ids", "0 layers"], "artifact": ["no container image"]}[what]


@pytest.mark.parametrize("what", ["layer", "layer-size", "layer-missing", "layer-truncated", "layer-link", "layer-fifo", "config",
                                  "manifest", "layer-type", "layer-path", "too-few-layers", "artifact"])
def test_damaged_layout(place, what):
    made = image_files.layout(place / "oci", [tar([entry("f", data=os.urandom(3000))])])
    check_refused(place, f"oci:{place}/oci", damage(made, what))


def test_wrong_diff_id(place):
    image_files.layout(place / "oci", [tar([entry("f")])], diff_ids=["sha256:" + "1" * 64])
    check_refused(place, f"oci:{place}/oci", ["layer 1 of 1", "its tar has the digest", "111111111111"])
    image_files.layout(place / "none", [tar([entry("f")])], diff_ids=["sha256:../../x"])
    check_refused(place, f"oci:{place}/none", ["diff_ids", "sha256:../../x"])


def nest(depth):
    return b"[" * depth + b"]" * depth


@pytest.mark.parametrize("text, says", [
    (b"", ["line 1"]), (b"{", ["line 1"]), (b"[]", ["not a JSON object"]), (b"{}", ["manifests"]), (b'{"manifests": {}}', ["manifests"]),
    (b'{"manifests": [], "manifests": []}', ["duplicate"]), (b'{"manifests": []}', ["no image"]), (b'{"manifests": [1]}', ["object"]),
    (b'{"manifests": [{"digest": "md5:00"}]}', ["md5:00"]), (nest(100_000), ["depth"]), (b'{"manifests": "\xff"}', ["decode"]),
    (b'{"manifests": [{"digest": "sha256:%s", "size": -1}]}' % (b"0" * 64), ["size"]), (b" " * (9 << 20), ["larger than"]),
], ids=range(13))
def test_bad_index(place, text, says):
    made = image_files.layout(place / "oci", [tar([entry("f")])])
    (made.path / "index.json").write_bytes(text)
    check_refused(place, f"oci:{place}/oci", ["index.json"] + says)


def test_index_in_itself(place):
    """Nested deeper than is followed; digests forbid a circle."""
    made = image_files.Layout(place / "oci")
    inner = made.image([tar([entry("f")])])
    for _ in range(6):
        inner = made.json({"schemaVersion": 2, "manifests": [inner]}, image_files.INDEX)
    made.add(inner)
    check_refused(place, f"oci:{place}/oci", ["nested"])


def outer(data):
    return tar([entry("manifest.json", data=data)])


@pytest.mark.parametrize("data, says", [
    (b"", ["manifest.json", "missing"]), (b"no tar" * 200, ["no tar archive"]), (outer(b"{}"), ["not a JSON list"]),
    (outer(b"[]"), ["no image"]), (outer(b"[1]"), ["not an object"]), (outer(b'[{"Layers": []}]'), ["Config"]),
    (outer(b'[{"Config": "/etc/passwd", "Layers": []}]'), ["/etc/passwd", "No such file"]),
    (outer(b'[{"Config": "../../../../../etc/passwd", "Layers": []}]'), ["No such file"]),
    (outer(b'[{"Config": "manifest.json", "Layers": []}]'), ["JSON object"]), (outer(b"x" * 5000)[:2000], ["truncated"]),
    (raw_header(b"manifest.json", size=(8 << 30) - 1), ["truncated"]), (gzip.compress(outer(b"[]"))[:-30], ["decompressed"]),
    (tar([entry("manifest.json", tarfile.SYMTYPE, link="/etc/passwd")]), ["missing"]),
    (tar([entry("manifest.json", tarfile.SYMTYPE, link="manifest.json")]), ["missing"]),
], ids=range(14))
def test_bad_docker_archive(place, data, says):
    (place / "a.tar").write_bytes(data)
    check_refused(place, f"docker-archive:{place}/a.tar", ["a.tar"] + says)


@pytest.mark.parametrize("reference, says, status", [
    ("oci:", ["no path"], 2), ("oci:./x:", ["last colon"], 2), ("docker://alpine", ["skopeo copy"], 2), ("", ["no image"], 2),
    ("./directory", ["nothing to import"], 2), ("name:1", ["nothing to import"], 2), ("oci:/nowhere", ["No such file"], 1),
    ("oci:/etc/passwd", ["oci-archive"], 1), ("docker-archive:/etc", ["no regular file"], 1), ("oci:/etc", ["oci-layout", "missing"], 1),
    ("docker-archive:/dev/zero", ["no regular file"], 1),
])
def test_bad_reference(place, reference, says, status):
    image_files.refused("import", reference, state=place / "state", says=says, status=status)
    assert not (place / "state").exists()
