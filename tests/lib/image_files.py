"""Images as files: layers as tars, OCI layouts, docker archives; made by hand, so that they can be wrong as well."""

import gzip
import hashlib
import io
import json
import pathlib
import subprocess
import tarfile

import rofuse_test

TIME = 1_000_000_000
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


def entry(name, kind=tarfile.REGTYPE, data=b"", mode=0o644, link="", **more):
    """One entry of a tar: (TarInfo, content)."""
    info = tarfile.TarInfo(name)
    info.type, info.size, info.mode, info.linkname, info.mtime = kind, len(data), mode, link, TIME
    for key, value in more.items():
        setattr(info, key, value)
    return info, data


def directory(name, mode=0o755, **more):
    return entry(name, tarfile.DIRTYPE, mode=mode, **more)


def tar(entries, form=tarfile.PAX_FORMAT):
    """The bytes of a tar."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form, errors="surrogateescape") as archive:
        for info, data in entries:
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def compress(data, how):
    if how == "zstd":
        return subprocess.run(["zstd", "-qc"], input=data, capture_output=True, check=True).stdout
    return gzip.compress(data) if how == "gzip" else data


def digest(data, algorithm="sha256"):
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


class Layout:
    """An OCI layout's directory, to which images are added."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.manifests = []
        (self.path / "blobs/sha256").mkdir(parents=True)
        (self.path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')

    def blob(self, data, media_type, algorithm="sha256"):
        """Writes a blob; returns its descriptor."""
        name = digest(data, algorithm)
        place = self.path / "blobs" / name.replace(":", "/")
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(data)
        return {"mediaType": media_type, "digest": name, "size": len(data)}

    def json(self, value, media_type):
        return self.blob(json.dumps(value).encode(), media_type)

    def image(self, layers, how="gzip", config=None, platform=("linux", "amd64"), diff_ids=None, algorithm="sha256"):
        """Writes an image of these tars; returns its manifest's descriptor."""
        suffix = f"+{how}" if how else ""
        blobs = [self.blob(compress(layer, how), LAYER + suffix, algorithm) for layer in layers]
        ids = diff_ids or [digest(layer) for layer in layers]
        described = self.json({"os": platform[0], "architecture": platform[1], "config": config or {},
                               "rootfs": {"type": "layers", "diff_ids": ids}}, CONFIG)
        return self.json({"schemaVersion": 2, "mediaType": MANIFEST, "config": described, "layers": blobs}, MANIFEST)

    def add(self, descriptor, tag=None):
        if tag is not None:
            descriptor = {**descriptor, "annotations": {"org.opencontainers.image.ref.name": tag}}
        self.manifests.append(descriptor)
        self.write()
        return self

    def write(self):
        (self.path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": self.manifests}))


def layout(path, layers, tag="v1", **more):
    """An OCI layout with one image."""
    made = Layout(path)
    return made.add(made.image(layers, **more), tag)


def rofuse(*words, state, **more):
    """rofuse image WORDS…"""
    return subprocess.run([rofuse_test.BINARY, "image", *map(str, words), "--state-dir", str(state)], check=False,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="surrogateescape", timeout=120, **more)


def succeed(*words, state, **more):
    done = rofuse(*words, state=state, **more)
    assert done.returncode == 0, done.stderr
    assert not rofuse_test.SUSPICIOUS.search(done.stderr), done.stderr
    return done


def refused(*words, state, says=(), status=1, **more):
    """It fails with one line that has the words."""
    done = rofuse(*words, state=state, **more)
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
    lines = [line for line in done.stderr.splitlines() if ": unpacked, " not in line]
    assert len(lines) == 1 and lines[0].startswith("rofuse: "), done.stderr
    for word in says:
        assert word in lines[0], done.stderr
    return lines[0]


def inspect(word, state):
    return json.loads(succeed("inspect", "--json", word, state=state).stdout)


def trees(word, state):
    """The directories of an image's layers."""
    return [layer["path"] for layer in inspect(word, state)["layers"]]


def stored(state):
    """What there is in the store, but for locks: {"layers": [...], "images": [...], "tmp": [...]}."""
    top = pathlib.Path(state) / "images"
    places = {"layers": top / "layers/sha256", "images": top / "images", "tmp": top / "tmp"}
    return {name: sorted(path.name for path in place.iterdir()) if place.exists() else [] for name, place in places.items()}


EMPTY = {"layers": [], "images": [], "tmp": []}
