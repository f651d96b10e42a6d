"""Images that umoci, skopeo and buildah make, imported in every form and mounted: the same tree as umoci unpacks."""

import json
import os
import pathlib
import struct
import subprocess
import sys
import tarfile

import busybox_image
import image_files
import pytest
import rofuse_test
from image_files import directory, entry, tar

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "union"))

import compare  # noqa: E402

CAPABILITY = struct.pack("<5I", 0x02000001, 1 << 13, 0, 0, 0).decode("latin-1")


def xattrs(**values):
    return {f"SCHILY.xattr.{name.replace('_', '.')}": value for name, value in values.items()}


def base_layer():
    deep = "/".join(["deep" * 20] * 30)
    return tar([
        directory("./"), directory("./etc", mtime=image_files.TIME + 1.5), entry("./etc/passwd", data=b"root:x:0:0::/:/bin/sh\n"),
        entry("./etc/gone", data=b"hidden later\n"), directory("./bin"),
        entry("./bin/su", data=b"set-user-id" * 1000, mode=0o4755), entry("./bin/su-too", tarfile.LNKTYPE, link="./bin/su"),
        entry("./bin/cap", data=b"capable", mode=0o755, pax_headers=xattrs(security_capability=CAPABILITY)),
        directory("./opaque"), entry("./opaque/below", data=b"b"), directory("./opaque/dir"), entry("./opaque/dir/x"),
        directory("./home", mode=0o1777), directory("./home/user", mode=0o2750, uid=1000, gid=1001),
        entry("./home/user/file", data=b"mine", mode=0o600, uid=1000, gid=1001, pax_headers=xattrs(user_note="a note")),
        entry("./home/user/big-id", uid=3_000_000, gid=2_999_999),
        entry("./null", tarfile.CHRTYPE, mode=0o666, devmajor=1, devminor=3),
        entry("./disk", tarfile.BLKTYPE, mode=0o660, devmajor=8, devminor=1), entry("./fifo", tarfile.FIFOTYPE, mode=0o640),
        entry("./absolute", tarfile.SYMTYPE, link="/etc/passwd", uid=5, gid=6), entry("./out", tarfile.SYMTYPE, link="../../../x"),
        entry("./link-to-link", tarfile.LNKTYPE, link="./absolute"), entry("./no-mode", mode=0),
        entry("./" + "n" * 255, data=b"long name"), entry("./e\u0301 and \u00e9", data=b"two ways to write one letter"),
        entry("./new\nline\t\\", data=b"odd"), *[directory("./" + deep[:end]) for end in range(80, 81 * 30, 81)],
        entry(f"./{deep}/file", data=b"deep"),
    ])


def top_layer():
    return tar([
        directory("./"), directory("./etc", mode=0o700), entry("./etc/.wh.gone"), entry("./etc/new", data=b"n" * 100_000),
        directory("./opaque"), entry("./opaque/.wh..wh..opq"), entry("./opaque/above", data=b"a"), entry("./.wh.disk"),
    ], tarfile.GNU_FORMAT)


def run(*words, **more):
    done = subprocess.run([*map(str, words)], check=False, capture_output=True, text=True, timeout=120, **more)
    assert done.returncode == 0, f"{words}: {done.stderr}"
    return done.stdout


def skopeo(source, target, *words):
    run("skopeo", "--insecure-policy", "copy", "-q", *words, source, target)


@pytest.fixture(name="made", scope="module")
def fixture_made(tmp_path_factory):
    """A layout that umoci has made of two tars, and what umoci unpacks it to."""
    place = tmp_path_factory.mktemp("made")
    run("umoci", "init", "--layout", place / "oci")
    run("umoci", "new", "--image", f"{place}/oci:v1")
    for number, layer in enumerate((base_layer(), top_layer())):
        (place / f"{number}.tar").write_bytes(layer)
        run("umoci", "raw", "add-layer", "--image", f"{place}/oci:v1", place / f"{number}.tar")
    run("umoci", "config", "--image", f"{place}/oci:v1", "--config.user", "1000:1001", "--config.env", "A=b c",
        "--config.cmd", "sh", "--config.workingdir", "/home", "--config.volume", "/data", "--config.stopsignal", "SIGINT")
    run("umoci", "unpack", "--image", f"{place}/oci:v1", place / "bundle")
    return place


def facts(root):
    """What is compared; the links of a directory are counted differently by every file system."""
    tree = compare.walk(root)
    for path, found in tree.items():
        if found.is_dir:
            del found.facts["nlink"]
        if path == b"":
            del found.facts["mtime"]
    return tree


# What rofuse shows for runtimes though an image lacks it.
PLACES = {place.encode()[1:] for place in busybox_image.PLACES} | {b"run", b"etc/mtab"}


def check_same(rofuse, state, word, right):
    seen, right = facts(rofuse(layers=image_files.trees(word, state)).point), facts(right)
    for path in PLACES & set(seen) - set(right):
        del seen[path]
    for path in (b"", b"etc", b"dev", b"run"):
        for tree in (seen, right):
            if path in tree:
                tree[path].names = None
    assert len(right) > 20
    assert compare.differences(right, seen) == []


def archive_of(made, form, scratch):
    """The image in another form; returns its reference."""
    source = f"oci:{made}/oci:v1"
    if form == "oci":
        return source
    if form == "oci-zstd":
        skopeo(source, f"oci:{scratch}/zstd:v1", "--dest-compress-format", "zstd", "--dest-compress")
        return f"oci:{scratch}/zstd"
    if form == "oci-plain":
        image_files.layout(scratch / "plain", [base_layer(), top_layer()], how="")
        return f"oci:{scratch}/plain:v1"
    if form == "oci-sha512":
        image_files.layout(scratch / "sha512", [base_layer(), top_layer()], algorithm="sha512")
        return f"oci:{scratch}/sha512:v1"
    kind, _, outer = form.partition("+")
    skopeo(source, f"{kind}:{scratch}/a.tar" + (":app:v1" if kind == "docker-archive" else ":v1"))
    if outer:
        run(outer, "-q", scratch / "a.tar")
        (scratch / f"a.tar.{'gz' if outer == 'gzip' else 'zst'}").rename(scratch / "a")
        return f"{kind}:{scratch}/a"
    return f"{kind}:{scratch}/a.tar"


FORMS = ["oci", "oci-zstd", "oci-plain", "oci-sha512", "oci-archive", "oci-archive+gzip", "docker-archive", "docker-archive+gzip",
         "docker-archive+zstd"]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_the_tree_that_umoci_unpacks(made, scratch, rofuse, form):
    state = scratch / "state"
    reference = archive_of(made, form, scratch)
    image = image_files.succeed("import", reference, "--name", "x", state=state).stdout.strip()
    assert image.startswith("sha256:")
    check_same(rofuse, state, "x", made / "bundle/rootfs")
    assert image_files.stored(state)["tmp"] == []


def test_configuration_and_names(made, scratch):
    state = scratch / "state"
    archive = archive_of(made, "docker-archive", scratch)
    shown = image_files.inspect(archive, state)
    assert [layer["path"] for layer in shown["layers"]] == [None, None]
    image_files.succeed("import", archive, state=state)
    for name in ("app:v1", "docker.io/library/app:v1", shown["id"], shown["id"][7:19]):
        found = image_files.inspect(name, state)
        assert found["config"] == {"user": "1000:1001", "environment": ["A=b c"], "entrypoint": [], "command": ["sh"],
                                   "working_dir": "/home", "volumes": ["/data"], "stop_signal": "SIGINT"}
        assert found["names"] == ["docker.io/library/app:v1"]
        assert all(os.path.isdir(layer["path"]) and layer["size"] > 0 for layer in found["layers"])
    listed = json.loads(image_files.succeed("ls", "--json", state=state).stdout)["images"]
    assert [(image["id"], image["layers"]) for image in listed] == [(shown["id"], 2)]
    text = image_files.succeed("inspect", "app:v1", state=state).stdout
    assert text.startswith(f"docker.io/library/app:v1\n  id       {shown['id']}\n"), text
    layers, process = text[text.index("  layers "):].split("  volumes  /data\n")
    assert layers.count("sha256:") == 2 and layers.count("\n") == 2
    assert process == "  command  sh\n  env      A=b c\n  user     1000:1001\n  workdir  /home\n  stop     SIGINT\n"
    understood = subprocess.run([rofuse_test.BINARY, "config", "--image", "app:v1", "--state-dir", state], text=True,
                                capture_output=True, check=True).stdout
    assert understood.endswith(process), understood


def test_what_buildah_builds(scratch, rofuse):
    """FROM scratch with busybox, several layers with removals; as buildah commits it."""
    busybox = busybox_image.find_busybox()
    storage = ["--storage-driver", "vfs", "--root", scratch / "root", "--runroot", scratch / "runroot"]
    layers = busybox_image.make(scratch / "layers")
    (layers[1] / "etc/.wh.hidden").unlink()
    environment = {**os.environ, "BUILDAH_ISOLATION": "chroot", "HOME": str(scratch)}

    def buildah(*words):
        return run("buildah", *storage, *words, env=environment).strip()

    container = buildah("from", "scratch")
    buildah("add", container, layers[0], "/")
    first = buildah("commit", "-q", container)
    container = buildah("from", first)
    root = pathlib.Path(buildah("mount", container))
    (root / "etc/hidden").unlink()
    subprocess.run(["cp", "-a", f"{layers[1]}/.", root], check=True)
    os.link(root / "bin/busybox", root / "bin/linked")
    buildah("config", "--entrypoint", '["/bin/busybox","echo"]', "--cmd", "hello", container)
    buildah("umount", container)
    for kind, name in (("oci-archive", "b.oci"), ("docker-archive", "b.docker")):
        buildah("commit", "-q", "--format", "oci" if kind == "oci-archive" else "docker", container, f"{kind}:{scratch}/{name}:b:1")
    skopeo(f"oci-archive:{scratch}/b.oci", f"oci:{scratch}/copy:b")
    run("umoci", "unpack", "--image", f"{scratch}/copy:b", scratch / "bundle")
    for kind, name in (("oci-archive", "b.oci"), ("docker-archive", "b.docker")):
        state = scratch / f"state-{kind}"
        image_files.succeed("import", f"{kind}:{scratch}/{name}", "--name", "b", state=state)
        assert image_files.inspect("b", state)["config"]["entrypoint"] == ["/bin/busybox", "echo"]
        check_same(rofuse, state, "b", scratch / "bundle/rootfs")
    assert busybox.stat().st_size == (scratch / "bundle/rootfs/bin/linked").stat().st_size


def test_old_docker_archive(scratch):
    """ID/layer.tar, one of them a link to another, as docker saved before version 25."""
    layers = [tar([entry("a", data=b"1")]), tar([entry("b", data=b"2")])]
    config = json.dumps({"os": "linux", "architecture": "amd64",
                         "rootfs": {"type": "layers", "diff_ids": [image_files.digest(layers[i]) for i in (0, 1, 0)]}}).encode()
    name = image_files.digest(config)[7:] + ".json"
    manifest = json.dumps([{"Config": name, "RepoTags": ["old:1"], "Layers": ["x/layer.tar", "y/layer.tar", "z/layer.tar"]},
                           {"Config": name, "RepoTags": None, "Layers": []}]).encode()
    (scratch / "old.tar").write_bytes(tar([
        directory("x"), entry("x/layer.tar", data=layers[0]), entry("y/layer.tar", data=layers[1]),
        entry("z/layer.tar", tarfile.SYMTYPE, link="../x/layer.tar"), entry(name, data=config), entry("manifest.json", data=manifest)]))
    state = scratch / "state"
    image_files.refused("import", f"docker-archive:{scratch}/old.tar", state=state, says=["2 images", "old:1"])
    image_files.refused("import", f"oci-archive:{scratch}/old.tar", state=state, says=["is missing", "with docker-archive:FILE"])
    image_files.succeed("import", f"docker-archive:{scratch}/old.tar:old:1", state=state)
    image_files.succeed("import", f"docker-archive:{scratch}/old.tar:@0", "--name", "zero", state=state)
    assert sorted(image_files.inspect("zero", state)["names"]) == ["old:1", "zero"]
    assert len(image_files.stored(state)["layers"]) == 2


def test_local_names_of_podman(scratch):
    """podman build -t web:1 makes localhost/web:1; who says web:1 means that, unless there is one of just that name."""
    state = scratch / "state"
    made = image_files.Layout(scratch / "oci")
    for name in ("localhost/web:1", "docker.io/library/base:1"):
        made.add(made.image([tar([entry(name.split("/")[-1])])]), name)
    image_files.refused("import", f"oci:{made.path}:web:2", state=state, says=["web:2", "localhost/web:1"])
    for name in ("web:1", "base:1"):
        image_files.succeed("import", f"oci:{made.path}:{name}", state=state)
    assert image_files.inspect("web:1", state)["names"] == ["localhost/web:1"]
    image_files.refused("inspect", "docker.io/library/web:1", state=state, says=["no image docker.io/library/web:1"])
    image_files.succeed("import", f"oci:{made.path}:base:1", "--name", "web:1", state=state)
    assert image_files.inspect("web:1", state)["names"] == ["docker.io/library/base:1", "web:1"]
    assert image_files.inspect("localhost/web:1", state)["names"] == ["localhost/web:1"]
    image_files.succeed("rm", "web:1", state=state)
    image_files.succeed("import", f"oci:{made.path}:web:1", "--name", "also", state=state)
    image_files.succeed("rm", "web:1", state=state)
    assert image_files.inspect("also", state)["names"] == ["also"], "of an image with two names, the name alone is removed"


def test_platforms(scratch):
    """A nested index of several platforms, with an attestation; one image is chosen."""
    made = image_files.Layout(scratch / "oci")
    nested = []
    for words in (["linux", "amd64"], ["linux", "arm64"], ["linux", "arm", "v6"], ["linux", "arm", "v7"], ["linux", "s390x"]):
        image = made.image([tar([entry("-".join(words))])], platform=words[:2])
        nested.append({**image, "platform": dict(zip(("os", "architecture", "variant"), words))})
    nested.append({**made.image([tar([entry("none")])]), "platform": {"os": "unknown", "architecture": "unknown"}})
    made.add(made.json({"schemaVersion": 2, "mediaType": image_files.INDEX, "manifests": nested}, image_files.INDEX), "multi")
    state = scratch / "state"
    reference = f"oci:{made.path}:multi"
    for asked, has in (("linux/amd64", "linux-amd64"), ("linux/arm64/v8", "linux-arm64"), ("linux/arm/v7", "linux-arm-v7"),
                       ("linux/arm", "linux-arm-v7"), ("linux/arm/v6", "linux-arm-v6")):
        image_files.succeed("import", reference, "--platform", asked, "--name", "m", state=state)
        assert os.listdir(image_files.trees("m", state)[0]) == [has]
    image_files.refused("inspect", "m", "--platform", "linux/amd64", state=state, says=["m is for linux/arm;"])
    image_files.succeed("inspect", "m", "--platform", "linux/arm", state=state)
    image_files.succeed("import", reference, "--name", "own", state=state)
    assert os.listdir(image_files.trees("own", state)[0]) == ["linux-" + {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]]
    image_files.refused("import", reference, "--platform", "linux/mips", state=state, says=["linux/mips", "linux/s390x", "--platform"])
    image_files.refused("import", reference, "--platform", "linux", state=state, status=2, says=["--platform linux", "OS/ARCH"])
    image_files.refused("import", f"oci:{made.path}:other", state=state, says=["other", "multi"])


def test_several_images_need_a_tag(scratch):
    made = image_files.Layout(scratch / "oci")
    for tag in ("one", "two"):
        made.add(made.image([tar([entry(tag)])]), tag)
    image_files.refused("import", f"oci:{made.path}", state=scratch / "state", says=["several images", "one", "two"])
    image_files.succeed("import", f"oci:{made.path}:two", state=scratch / "state")
