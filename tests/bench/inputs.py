"""What is mounted: made once, kept in the cache and used again.

    root    a Debian with python3, git and node in seven layers, with whiteouts, opaque directories and replaced files
    data    a directory of 20,000 entries, 20,000 files of 4 KiB, a deep tree, a file of 1 GiB and one of 512 MiB; two layers
    many    120 layers with the same directories
    small   one layer with ten files

Layers have overlayfs' form (character device 0:0, trusted.overlay.opaque), which rofuse reads as well. mergerfs and
unionfs-fuse do not; they get a flattened copy of the root as one branch, which is easier for them than seven.
"""

import contextlib
import dataclasses
import fcntl
import hashlib
import inspect
import os
import pathlib
import random
import subprocess

import image_layers


@dataclasses.dataclass
class Stack:
    """layers: directories, first = bottom. flat: the same tree as branches that need no whiteouts, first = bottom.
    lists: files with paths, one a line, relative to the mount."""
    name: str
    layers: list
    flat: list
    lists: dict

    def paths(self, name):
        return self.lists[name].read_text(encoding="utf-8", errors="surrogateescape").splitlines()


def cache_directory():
    return pathlib.Path(os.environ.get("ROFUSE_BENCH_CACHE", "/var/cache/rofuse/bench"))


class Inputs:
    """Makes what is asked for. A name has a hash of the sources that it is made from."""

    def __init__(self, cache, say):
        self.cache = pathlib.Path(cache)
        self.say = say
        self.cache.mkdir(parents=True, exist_ok=True)

    @contextlib.contextmanager
    def _locked(self):
        with open(self.cache / "lock", "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # What an interrupted run left; nobody else is at work while we hold the lock.
            for rest in self.cache.glob("work.*"):
                remove(rest)
            yield

    def made(self, name, make, *sources):
        """The directory that make(directory) fills, renamed when it is complete. sources: files and functions."""
        text = "".join(inspect.getsource(source) if callable(source) else pathlib.Path(source).read_text(encoding="utf-8")
                       for source in sources)
        target = self.cache / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:10]}"
        if target.is_dir():
            return target
        with self._locked():
            if not target.is_dir():
                self.say(f"making {name}, once")
                for old in self.cache.glob(f"{name}-??????????"):
                    remove(old)
                work = self.cache / f"work.{name}"
                work.mkdir()
                try:
                    make(work)
                    work.rename(target)
                except BaseException:
                    remove(work)
                    raise
        return target

    def operations(self):
        """The program that does the operations (ops.c)."""
        here = pathlib.Path(__file__).parent
        sources = sorted(here.glob("ops*.[ch]"))

        def build(work):
            subprocess.run(["gcc", "-O2", "-o", work / "ops", *(s for s in sources if s.suffix == ".c")], check=True)

        return self.made("ops", build, *sources) / "ops"

    def stack(self, name):
        """A stack by name: root, data, many, small, or spread-FILES-LAYERS, flat-FILES, wide-ENTRIES for growth."""
        kind, *numbers = name.split("-")
        if kind == "root":
            top = self.made("root", lambda work: image_layers.make(work, self.say), image_layers.__file__)
        else:
            make = {"data": make_data, "many": make_many, "small": make_small, "spread": make_spread, "wide": make_wide,
                    "files": make_files}[kind]
            top = self.made(name, lambda work: make(work, *map(int, numbers)), make, _write, _fill)
        layers = sorted((top / "layers").iterdir(), key=lambda path: int(path.name))
        flat = [top / "flat"] if (top / "flat").is_dir() else layers
        return Stack(name, layers, flat, {path.name: path for path in (top / "lists").glob("*")})

    def archive(self):
        """A tar file with some thousand files of python3 and node, for untar."""
        branch = self.stack("root").flat[0]

        def build(work):
            subprocess.run(["tar", "-cf", work / "files.tar", "-C", branch, "usr/lib/python3.11"], check=True)

        return self.made("archive", build, image_layers.__file__) / "files.tar"


def remove(path):
    subprocess.run(["rm", "-rf", "--one-file-system", path], check=True)


def write_list(work, name, paths):
    (work / "lists").mkdir(exist_ok=True)
    (work / "lists" / name).write_text("".join(f"{path}\n" for path in paths), encoding="utf-8", errors="surrogateescape")


def _fill(path, size, seed):
    """Random bytes: a file system or disk that compresses or looks for equal blocks gains nothing by it."""
    source = random.Random(seed)
    with open(path, "wb") as file:
        for _ in range(0, size, 1 << 20):
            file.write(source.randbytes(min(size, 1 << 20)))


def make_data(work):
    low, high = work / "layers" / "0", work / "layers" / "1"
    source = random.Random("data")
    names = []
    for number in range(20000):
        name = f"many/entry-{number:05}"
        names.append(name)
        _write((low if number % 2 else high) / name, b"%d\n" % number)
        if number % 40 == 0:
            _write(low / name, b"hidden by the layer above\n")
    files = [f"files/{number // 100:03}/{number % 100:02}" for number in range(20000)]
    for number, name in enumerate(files):
        _write((low if number % 4 else high) / name, source.randbytes(4096))
    deep = "deep"
    for level in range(100):
        deep += f"/{level:02}"
        for number in range(10):
            _write((low, high)[(level + number) % 2] / deep / f"file{number}", b"x")
    (high / "big").mkdir()
    _fill(high / "big" / "1g", 1 << 30, "1g")
    _fill(high / "big" / "512m", 512 << 20, "512m")
    write_list(work, "files", files)
    write_list(work, "many", names)


def make_many(work):
    """Each layer adds 40 files to ten directories that all have, and replaces one file of the layer below."""
    names, missing = [], []
    for layer in range(120):
        for number in range(40):
            name = f"tree/{number % 10}/{layer:03}-{number:02}"
            names.append(name)
            missing.append(name + ".missing")
            _write(work / "layers" / str(layer) / name, b"%d %d\n" % (layer, number))
        if layer:
            _write(work / "layers" / str(layer) / f"tree/0/{layer - 1:03}-00", b"replaced\n")
    write_list(work, "names", names)
    write_list(work, "missing", missing)


def make_small(work):
    for number in range(10):
        _write(work / "layers" / "0" / "tree" / str(number), b"x")
    (work / "layers" / "0" / "route").mkdir()
    write_list(work, "names", [f"tree/{number}" for number in range(10)])


def make_spread(work, files, layers):
    """The same files in any number of layers, for the cost of a layer: file i lies in layer i mod layers."""
    names = [f"tree/{number % 20}/{number:06}" for number in range(files)]
    for number, name in enumerate(names):
        _write(work / "layers" / str(number % layers) / name, b"x")
    write_list(work, "names", names)
    write_list(work, "missing", [name + ".missing" for name in names])


def make_wide(work, entries):
    names = [f"tree/{number:07}" for number in range(entries)]
    for name in names:
        _write(work / "layers" / "0" / name, b"")
    write_list(work, "names", names)


def make_files(work, files):
    """Directories of a hundred files, a hundred directories in each directory above, two layers."""
    names = [f"tree/{number // 10000:03}/{number // 100 % 100:02}/{number % 100:02}" for number in range(files)]
    for number, name in enumerate(names):
        _write(work / "layers" / str(number % 2) / name, b"")
    write_list(work, "names", names)


_made = set()


def _write(path, data):
    # mkdir -p of the same directory for every one of a million files would take longer than all the rest.
    parent = os.path.dirname(path)
    if parent not in _made:
        os.makedirs(parent, exist_ok=True)
        _made.add(parent)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        os.write(fd, data)
    finally:
        os.close(fd)
