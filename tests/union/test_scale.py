"""Many layers, many names, long names and paths, several file systems; and the rights that files in layers give."""

import ctypes
import os
import random
import shutil
import stat
import struct
import subprocess
import sys

import pytest

from compare import check_listing, differences, list_directory, read_entries, walk
from denial_log import call
import stacks

libc = ctypes.CDLL(None, use_errno=True)
libc.opendir.restype = libc.fdopendir.restype = ctypes.c_void_p
libc.opendir.argtypes = [ctypes.c_char_p]
libc.readdir.argtypes = libc.closedir.argtypes = libc.telldir.argtypes = libc.rewinddir.argtypes = [ctypes.c_void_p]
libc.readdir.restype = ctypes.c_void_p
libc.telldir.restype = ctypes.c_long
libc.seekdir.argtypes = [ctypes.c_void_p, ctypes.c_long]


def on_tmpfs(path, options="mode=755"):
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", path], check=True)
    return path


class Stream:
    """opendir(3) and its relatives, as C programs use them."""

    def __init__(self, path):
        self.stream = libc.opendir(os.fsencode(path))
        assert self.stream, f"{path}: {os.strerror(ctypes.get_errno())}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        libc.closedir(self.stream)

    def read(self):
        """The next name, or None at the end."""
        entry = libc.readdir(self.stream)
        return ctypes.string_at(entry + 19) if entry else None

    def rest(self):
        names = []
        while (name := self.read()) is not None:
            names.append(name)
        return names

    def tell(self):
        return libc.telldir(self.stream)

    def seek(self, position):
        libc.seekdir(self.stream, position)

    def rewind(self):
        libc.rewinddir(self.stream)


def test_two_hundred_layers(scratch, rofuse):
    """Each adds a name, replaces one, hides one of the layer before, and puts a file into one directory of all."""
    layers = []
    for number in range(200):
        layer = scratch / f"l{number}"
        (layer / "all").mkdir(parents=True)
        (layer / f"own{number}").write_text(str(number))
        (layer / "all" / str(number)).write_text(str(number))
        (layer / "last").write_text(str(number))
        if number % 2:
            (layer / f".wh.own{number - 1}").touch()
        layers.append(layer)
    mount = rofuse(layers=layers)
    assert mount.path("last").read_text() == "199"
    assert sorted(os.listdir(mount.path("all")), key=int) == [str(number) for number in range(200)]
    assert all(mount.path(f"all/{number}").read_text() == str(number) for number in range(200))
    assert {name for name in os.listdir(mount.point) if name.startswith("own")} == {f"own{n}" for n in range(1, 200, 2)}
    assert not mount.path("own0").exists() and mount.path("own1").read_text() == "1"
    assert os.stat(mount.path("all")).st_nlink == 1


@pytest.mark.parametrize("n_layers", [1, 3])
def test_a_directory_of_a_hundred_thousand(scratch, rofuse, n_layers):
    n_names = 100_000
    top = on_tmpfs(scratch / "fast", "nr_inodes=0,mode=755")
    layers = [top / f"l{number}" for number in range(n_layers)]
    for layer in layers:
        (layer / "many").mkdir(parents=True)
    for number in range(n_names):
        os.mknod(layers[number % n_layers] / "many" / f"name-{number:06}")
    expected = {b"name-%06d" % number for number in range(n_names)} | {b".", b".."}
    if n_layers > 1:
        for number in range(0, n_names, 1000):
            (layers[-1] / "many" / f".wh.name-{number:06}").touch()
            expected.discard(b"name-%06d" % number)
        expected |= {b"name-%06d" % number for number in range(0, n_names, 1000) if number % n_layers == n_layers - 1}
    mount = rofuse(layers=layers)
    chance = random.Random(n_layers)
    with Stream(mount.path("many")) as stream:
        positions, names = [], []
        while True:
            positions.append(stream.tell())
            name = stream.read()
            if name is None:
                break
            names.append(name)
        assert len(names) == len(set(names)) and set(names) == expected
        assert len(set(positions)) == len(positions), "two entries have the same position"
        for _ in range(300):
            index = chance.randrange(len(names))
            stream.seek(positions[index])
            assert stream.read() == names[index]
        stream.seek(positions[50_000])
        assert stream.rest() == names[50_000:]
        stream.rewind()
        assert stream.rest() == names
    with Stream(mount.path("many")) as stream, Stream(mount.path("many")) as second:
        # A position means the same in every open directory, cached or not.
        stream.seek(positions[77_777])
        assert stream.read() == names[77_777]
        assert second.read() == names[0]
    found = list_directory(mount.path("many"))
    for name in chance.sample(names, 500):
        assert os.lstat(os.path.join(os.fsencode(mount.path("many")), name)).st_ino == found[name][0]


def test_small_reads_of_a_directory(scratch, rofuse):
    """getdents64(2) with room for one or two entries at a time."""
    layer = scratch / "layer"
    layer.mkdir()
    stacks.make_places(os.fsencode(layer))
    for number in range(50):
        (layer / (f"{number}" + "n" * (number * 5))).touch()
    mount = rofuse(layers=[layer])
    whole = set(list_directory(mount.point))
    found = []
    fd = os.open(mount.point, os.O_RDONLY)
    try:
        while some := [name for name, _, _, _ in read_entries(fd, 300, one_call=True)]:
            found += some
        os.lseek(fd, 0, os.SEEK_SET)
        assert call(lambda: list(read_entries(fd, 20, one_call=True))).name == "EINVAL"
    finally:
        os.close(fd)
    assert sorted(found) == sorted(whole)


def test_long_names_and_paths(scratch, rofuse):
    """Names of 255 bytes, a path of 4,095 bytes; one byte more is too long, as everywhere."""
    layers = [scratch / "l0", scratch / "l1"]
    name = b"\xc3\xa9" * 127 + b"x"
    for number, layer in enumerate(layers):
        layer.mkdir()
        fd = os.open(layer, os.O_RDONLY)
        for _ in range(17):
            os.mkdir(name, dir_fd=fd)
            inner = os.open(name, os.O_RDONLY, dir_fd=fd)
            os.close(fd)
            fd = inner
        with open(os.open(b"file%d" % number, os.O_WRONLY | os.O_CREAT, dir_fd=fd), "wb") as file:
            file.write(b"%d" % number)
        os.close(fd)
    mount = rofuse(layers=layers)

    deepest = b"/".join([name] * 16)
    assert len(deepest) == 4095

    def run():
        os.chdir(mount.point)
        found = []
        for path in (deepest, deepest.replace(b"/", b"//", 1), deepest[:-1]):
            try:
                found.append(stat.S_ISDIR(os.stat(path).st_mode))
            except OSError as error:
                found.append(error.strerror)
        for _ in range(17):
            os.chdir(name)
        return found, sorted(os.listdir(".")), [open(f"file{number}", encoding="ascii").read() for number in range(2)]
    assert call(run).value == ([True, "File name too long", "No such file or directory"], ["file0", "file1"],
                               ["0", "1"])
    assert call(lambda: os.stat(mount.path("x" * 256))).name == "ENAMETOOLONG"
    assert call(lambda: os.stat(mount.path("x" * 255))).name == "ENOENT"


@pytest.mark.slow
def test_three_hundred_thousand_files_with_few_descriptors(scratch, rofuse):
    """`ulimit -n 256` for the daemon; all stay known to the kernel while they are walked twice."""
    top = on_tmpfs(scratch / "fast", "nr_inodes=0,mode=755")
    layers = [top / "l0", top / "l1"]
    for layer in layers:
        layer.mkdir()
        stacks.make_places(os.fsencode(layer))
    content = top / "content"
    content.write_text("the same in all")
    for number in range(600):
        for layer in layers:
            (layer / "d" / str(number)).mkdir(parents=True)
        for file in range(500):
            os.mknod(layers[file % 2] / "d" / str(number) / str(file))
    mount = rofuse(layers=layers, prefix=["prlimit", "--nofile=256:256"])
    seen = set()
    for where, directories, files in os.walk(mount.path("d")):
        assert len(files) == (0 if directories else 500)
        for name in files:
            seen.add(os.lstat(f"{where}/{name}").st_ino)
    assert len(seen) == 300_000
    limits = open(f"/proc/{mount.process.pid}/limits", encoding="ascii").read()
    assert "Max open files            256                  256" in limits
    assert len(os.listdir(f"/proc/{mount.process.pid}/fd")) < 100
    chance = random.Random(1)
    for _ in range(1000):
        path = mount.path(f"d/{chance.randrange(600)}/{chance.randrange(500)}")
        assert path.read_bytes() == b""
    assert sum(1 for _, _, files in os.walk(mount.path("d")) for _ in files) == 300_000


def loop_ext4(scratch, name, options="loop"):
    """A new ext4 in a file; its first files have the numbers that every new ext4 gives."""
    image, point = scratch / f"{name}.img", scratch / name
    with open(image, "wb") as file:
        file.truncate(32 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-O", "^has_journal", image], check=True)
    point.mkdir()
    if subprocess.run(["mount", "-o", options, image, point], check=False, capture_output=True).returncode != 0:
        pytest.skip("loop devices cannot be mounted here")
    return point


def test_equal_numbers_on_two_file_systems(scratch, rofuse):
    layers = []
    for name in ("first", "second"):
        layer = loop_ext4(scratch, name)
        (layer / "d").mkdir()
        (layer / f"only-{name}").write_text(name)
        os.link(layer / f"only-{name}", layer / "d" / f"link-{name}")
        layers.append(layer)
    numbers = [os.stat(layer / f"only-{layer.name}").st_ino for layer in layers]
    assert numbers[0] == numbers[1], "the test needs equal numbers"
    mount = rofuse(layers=layers)
    found, problems = walk(mount.point, numbers=True, problems=(problems := [])), problems
    assert problems == []
    by_number = {}
    for path, entry in found.items():
        by_number.setdefault(entry.identity, set()).add(path)
    assert {frozenset(paths) for paths in by_number.values() if len(paths) > 1} == {
        frozenset({b"only-first", b"d/link-first"}), frozenset({b"only-second", b"d/link-second"})}
    assert mount.path("d/link-first").read_text() == "first" and mount.path("d/link-second").read_text() == "second"
    assert {os.stat(mount.path(path)).st_nlink for path in ("only-first", "d/link-second")} == {2}


def test_large_inode_numbers(scratch, rofuse):
    """tmpfs with inode64 and ext4 beside each other: numbers that share no bits to tell them apart are unique still."""
    first, second = on_tmpfs(scratch / "t0", "inode64,mode=755"), on_tmpfs(scratch / "t1", "inode64,mode=755")
    third = scratch / "disk"
    third.mkdir()
    for number, layer in enumerate((first, second, third)):
        for name in range(50):
            (layer / f"{number}-{name}").write_text("x")
    mount = rofuse(layers=[first, second, third])
    problems = []
    found = walk(mount.point, numbers=True, problems=problems)
    assert problems == []
    assert len({entry.identity for entry in found.values()}) == len(found) > 150


@pytest.mark.parametrize("kind", ["overlay", "read-only", "bind", "nosuid"])
def test_layers_that_are_mounts(scratch, rofuse, kind):
    """A layer may be an overlayfs itself (whose readdir numbers are not its stat numbers), or read-only."""
    chance = random.Random(kind)
    source = scratch / "source"
    source.mkdir()
    plain = [os.fsdecode(layer) for layer in stacks.Generator(chance, source).stack(2)]
    right = walk(rofuse(layers=plain).point)
    mounted = scratch / "mounted"
    mounted.mkdir()
    if kind == "overlay":
        lower = scratch / "empty"
        lower.mkdir()
        for name in ("upper", "work"):
            (scratch / name).mkdir()
        shutil.rmtree(scratch / "upper")
        copy = stacks.Converter()
        (scratch / "converted").mkdir()
        directories = [os.fsdecode(path) for path in copy.stack(map(os.fsencode, plain), scratch / "converted")]
        subprocess.run(["mount", "-t", "overlay", "-o", f"lowerdir={':'.join(reversed(directories))}", "overlay",
                        mounted], check=True)
        layers = [mounted]
    else:
        subprocess.run(["mount", "--bind", plain[1], mounted], check=True)
        if kind != "bind":
            subprocess.run(["mount", "-o", f"remount,bind,{'ro' if kind == 'read-only' else 'nosuid,nodev,noexec'}",
                            mounted], check=True)
        layers = [plain[0], mounted]
    problems = []
    found = walk(rofuse(layers=layers).point, numbers=True, problems=problems)
    assert problems == []
    if kind == "overlay":
        for tree in (right, found):
            for entry in tree.values():
                if entry.is_dir:
                    del entry.facts["nlink"]
    assert differences(right, found) == []


def test_what_is_mounted_below_a_layer_is_not_in_it(scratch, rofuse):
    """As with overlayfs: a layer is one file system."""
    layer = scratch / "layer"
    (layer / "below").mkdir(parents=True)
    (layer / "below/hidden").write_text("the layer's")
    subprocess.run(["mount", "-t", "tmpfs", "none", layer / "below"], check=True)
    (layer / "below/other").write_text("not the layer's")
    mount = rofuse(layers=[layer])
    assert os.listdir(mount.path("below")) == ["hidden"]
    assert mount.path("below/hidden").read_text() == "the layer's"


@pytest.fixture
def program_layer(scratch):
    layer = scratch / "programs"
    (layer / "bin").mkdir(parents=True)
    for name in ("id", "suid-id", "sgid-id", "cat", "python3"):
        source = {"cat": "/bin/cat", "python3": os.path.realpath(sys.executable)}.get(name, "/usr/bin/id")
        shutil.copy(source, layer / "bin" / name)
        os.chmod(layer / "bin" / name, 0o755)
    for name, mode in (("suid-id", 0o4755), ("sgid-id", 0o2755)):
        os.chown(layer / "bin" / name, 1005, 1006)
        os.chmod(layer / "bin" / name, mode)
    # cap_dac_read_search=ep
    os.setxattr(layer / "bin/cat", "security.capability", struct.pack("<IIIII", 0x02000001, 1 << 2, 0, 0, 0))
    (layer / "secret").write_text("secret\n")
    os.chmod(layer / "secret", 0o600)
    (layer / "shared").write_text("shared\n")
    os.chmod(layer / "shared", 0o600)
    os.setxattr(layer / "shared", "system.posix_acl_access",
                stacks.acl((1, 6, -1), (2, 4, 1001), (4, 0, -1), (8, 4, 3000), (16, 4, -1), (32, 0, -1)))
    (layer / "closed").mkdir()
    (layer / "closed/file").write_text("closed\n")
    os.chmod(layer / "closed", 0o700)
    os.setxattr(layer / "closed", "system.posix_acl_access",
                stacks.acl((1, 7, -1), (2, 5, 1001), (4, 0, -1), (16, 5, -1), (32, 0, -1)))
    os.mknod(layer / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    return layer


def output(*command):
    return subprocess.run(command, check=True, capture_output=True).stdout.decode().strip()


def test_set_user_id_and_capabilities_are_honoured(rofuse, program_layer):
    mount = rofuse(layers=[program_layer])
    for name, expected in (("id", "1001 1001"), ("suid-id", "1005 1001"), ("sgid-id", "1001 1006")):
        found = call(lambda at=mount.path(f"bin/{name}"): output(at, "-u") + " " + output(at, "-g"), 1001, 1001)
        assert found.value == expected, (name, found)
    assert call(lambda: mount.path("secret").read_text(), 1001, 1001).name == "EACCES"
    assert call(lambda: output(mount.path("bin/cat"), mount.path("secret")), 1001, 1001).value == "secret"


def test_acls_are_honoured(rofuse, program_layer):
    mount = rofuse(layers=[program_layer])
    for uid, groups, expected in ((0, (), "OK"), (1001, (), "OK"), (1002, (3000,), "OK"), (1002, (), "EACCES")):
        assert call(lambda: mount.path("shared").read_text(), uid, uid, groups).name == expected, (uid, groups)
    assert call(lambda: mount.path("closed/file").read_text(), 1001, 1001).value == "closed\n"
    assert call(lambda: os.listdir(mount.path("closed")), 1001, 1001).value == ["file"]
    assert call(lambda: mount.path("closed/file").read_text(), 1002, 1002).name == "EACCES"
    assert call(lambda: os.listdir(mount.path("closed")), 1002, 1002).name == "EACCES"


def test_no_devices(rofuse, program_layer):
    mount = rofuse(layers=[program_layer])
    assert os.stat(mount.path("null")).st_rdev == os.makedev(1, 3)
    assert call(lambda: os.open(mount.path("null"), os.O_RDONLY)).name == "EACCES"


def test_listings_are_the_same_for_all(rofuse, program_layer):
    mount = rofuse(layers=[program_layer])
    for uid in (0, 1001):
        problems = call(lambda: check_listing(os.fsencode(mount.point), list_directory(mount.point),
                                              os.lstat(mount.point)),
                        uid, uid).value
        assert problems == []
