"""Each form of whiteout and opaque by itself, in layers made by hand: what must be there and what must not."""

import os
import random
import stat

import pytest

from compare import Entry, walk
from denial_log import call
from kernel import compare_with_kernel
import stacks

WHITEOUTS = ("aufs", "device", "trusted", "user")
OPAQUES = ("aufs", *stacks.OPAQUE_ATTRIBUTES)


def whiteout(path, form):
    """Hides path in the layers below."""
    if form == "aufs":
        (path.parent / f".wh.{path.name}").touch()
    elif form == "device":
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(0, 0))
    else:
        os.setxattr(path.parent, f"{form}.overlay.opaque", b"x")
        path.touch()
        os.setxattr(path, f"{form}.overlay.whiteout", b"y")


def opaque(path, form):
    path.mkdir(parents=True, exist_ok=True)
    if form == "aufs":
        (path / ".wh..wh..opq").touch()
    else:
        os.setxattr(path, form, b"y")


class Stack:
    """Layers, made name by name; the lowest has the places that rofuse would make by itself."""

    def __init__(self, scratch, rofuse):
        self.scratch, self.rofuse, self.layers = scratch, rofuse, []

    def layer(self, *names):
        """A layer with files that hold their own name and layer; NAME/ is a directory, NAME->TARGET a symbolic link."""
        path = self.scratch / f"layer{len(self.layers)}"
        path.mkdir()
        if not self.layers:
            stacks.make_places(os.fsencode(path))
        for name in names:
            at = path / name.split("->")[0]
            at.parent.mkdir(parents=True, exist_ok=True)
            if "->" in name:
                at.symlink_to(name.split("->")[1])
            elif name.endswith("/"):
                at.mkdir()
            else:
                at.write_text(f"{len(self.layers)}:{name}")
        self.layers.append(path)
        return path

    def check(self, present, absent=()):
        """The files that are there are these, {path: layer of its content}; and the kernel shows the same."""
        chance = random.Random(len(present))
        kernel, lines = compare_with_kernel(self.scratch, self.rofuse, [os.fsencode(layer) for layer in self.layers],
                                            chance, [os.fsencode(path) for path in absent])
        assert not lines, "\n".join(lines[:30])
        places = {os.fsencode(place.rstrip("/")) for place in stacks.PLACES}
        found = {os.fsdecode(path): entry.facts.get("content", b"").decode().split(":")[0]
                 for path, entry in kernel.items() if path not in places and path and not entry.is_dir}
        assert found == {path: str(number) for path, number in present.items()}
        for path in absent:
            assert os.fsencode(path) not in kernel
        return kernel


@pytest.fixture
def stack(scratch, rofuse):
    return Stack(scratch, rofuse)


@pytest.mark.parametrize("form", WHITEOUTS)
def test_whiteout(stack, form):
    stack.layer("d/file", "d/dir/in/deep", "d/link->dir", "d/stays", "top", "e/other")
    upper = stack.layer("d/new")
    for name in ("d/file", "d/dir", "d/link", "top", "d/never-there"):
        whiteout(upper / name, form)
    stack.check({"d/stays": 0, "e/other": 0, "d/new": 1},
                ["d/file", "d/dir", "d/dir/in", "d/dir/in/deep", "d/link", "top", "d/never-there", "d/.wh.file",
                 ".wh.top"])


@pytest.mark.parametrize("form", WHITEOUTS)
def test_what_was_hidden_does_not_come_back(stack, form):
    stack.layer("d/x/old", "d/y/old", "d/f")
    middle = stack.layer("d/")
    for name in ("d/x", "d/y", "d/f"):
        whiteout(middle / name, form)
    stack.layer("d/x/new", "d/f")
    stack.check({"d/x/new": 2, "d/f": 2}, ["d/x/old", "d/y", "d/y/old"])


@pytest.mark.parametrize("form", WHITEOUTS)
def test_whiteout_of_a_whiteout(stack, form):
    stack.layer("d/a", "d/b")
    for other in ("device", form, "aufs"):
        layer = stack.layer("d/")
        whiteout(layer / "d/a", other)
    stack.layer("d/c")
    stack.check({"d/b": 0, "d/c": 4}, ["d/a"])


def test_whiteout_beside_an_entry_of_its_name(stack):
    """It speaks of the layers below only: the entry is there, what was below is not."""
    stack.layer("d/file", "d/dir/old", "d/was-dir/old", "d/was-file")
    upper = stack.layer("d/file", "d/dir/new", "d/was-dir", "d/was-file/new")
    for name in ("file", "dir", "was-dir", "was-file"):
        whiteout(upper / "d" / name, "aufs")
    stack.layer("d/dir/newest")
    stack.check({"d/file": 1, "d/dir/new": 1, "d/dir/newest": 2, "d/was-dir": 1, "d/was-file/new": 1}, ["d/dir/old"])


@pytest.mark.parametrize("form", OPAQUES)
def test_opaque(stack, form):
    stack.layer("d/old", "d/sub/old", "d/both", "e/old")
    upper = stack.layer("d/!first", "d/new", "d/~last", "d/both", "d/sub/new", "e/new")
    opaque(upper / "d", form)
    stack.layer("d/above", "d/sub/above")
    stack.check({"d/!first": 1, "d/new": 1, "d/~last": 1, "d/both": 1, "d/sub/new": 1, "d/above": 2, "d/sub/above": 2,
                 "e/old": 0, "e/new": 1}, ["d/old", "d/sub/old", "d/.wh..wh..opq"])


@pytest.mark.parametrize("form", OPAQUES)
def test_opaque_deep_below(stack, form):
    """Found by its full path first, with nothing listed before."""
    stack.layer("a/b/c/d/old", "a/b/c/old")
    stack.layer("a/b/c/d/middle")
    opaque(stack.layer("a/b/c/d/new") / "a/b/c/d", form)
    stack.layer("a/above")
    stack.check({"a/b/c/d/new": 2, "a/b/c/old": 0, "a/above": 3}, ["a/b/c/d/old", "a/b/c/d/middle"])


@pytest.mark.parametrize("form", OPAQUES)
def test_opaque_root(stack, form):
    stack.layer("old", "d/old")
    upper = stack.layer("new", "d/new")
    opaque(upper, form)
    stacks.make_places(os.fsencode(upper))
    stack.layer("d/above")
    stack.check({"new": 1, "d/new": 1, "d/above": 2}, ["old", "d/old"])


@pytest.mark.parametrize("form", WHITEOUTS)
def test_whiteout_below_an_opaque(stack, form):
    stack.layer("d/a", "d/b")
    opaque(stack.layer("d/a", "d/c") / "d", "aufs")
    upper = stack.layer("d/")
    whiteout(upper / "d/a", form)
    again = stack.layer("d/")
    opaque(again / "d", "trusted.overlay.opaque")
    if form in ("aufs", "device"):
        whiteout(again / "d/c", form)  # hides nothing more
    stack.layer("d/top")
    stack.check({"d/top": 4}, ["d/a", "d/b", "d/c"])


def test_values_that_are_not_opaque(stack):
    stack.layer("n/old", "xx/old", "empty/old", "x/old")
    upper = stack.layer("n/new", "xx/new", "empty/new", "x/new", "file")
    for name, value in (("n", b"n"), ("xx", b"yy"), ("empty", b""), ("x", b"x")):
        for attribute in stacks.OPAQUE_ATTRIBUTES:
            os.setxattr(upper / name, attribute, value)
    os.setxattr(upper / "file", "trusted.overlay.opaque", b"y")
    stack.check({f"{name}/{age}": number for name in ("n", "xx", "empty", "x")
                 for age, number in (("old", 0), ("new", 1))} |
                {"file": 1})


def test_attribute_whiteouts_where_they_mean_nothing(stack):
    """Not in a directory that is marked with x; not on a file with content."""
    stack.layer("plain/a", "marked/a", "marked/b")
    upper = stack.layer("marked/a")
    whiteout(upper / "marked/b", "trusted")
    os.setxattr(upper / "marked/a", "trusted.overlay.whiteout", b"y")
    (upper / "plain").mkdir()
    (upper / "plain/a").write_text("1:")
    os.truncate(upper / "plain/a", 0)
    os.setxattr(upper / "plain/a", "trusted.overlay.whiteout", b"y")
    mount = stack.rofuse(layers=stack.layers)
    assert (mount.path("plain/a").read_text(), mount.path("marked/a").read_text()) == ("", "1:marked/a")
    assert os.listdir(mount.path("plain")) == ["a"] and os.listdir(mount.path("marked")) == ["a"]
    for path in ("plain/a", "marked/a"):
        assert os.listxattr(mount.path(path)) == []


def test_files_and_directories_over_each_other(stack):
    stack.layer("fdf", "dfd/old", "fd", "df/old", "ld->dfd", "dl/old")
    stack.layer("fdf/middle", "dfd")
    stack.layer("fdf", "dfd/new", "fd/new", "df", "ld/new", "dl->dfd")
    stack.check({"fdf": 2, "dfd/new": 2, "fd/new": 2, "df": 2, "ld/new": 2, "dl": ""},
                ["dfd/old", "fdf/middle", "df/old", "dl/old/x"])


def test_all_forms_in_one_stack(stack):
    names = [f"{kind}{number}" for kind in ("w", "o") for number in range(4)]
    stack.layer(*[f"d/{name}/old" for name in names], "d/stays/old")
    for number, (hide, mark) in enumerate(zip(WHITEOUTS, OPAQUES)):
        layer = stack.layer("d/", f"d/o{number}/new")
        whiteout(layer / f"d/w{number}", hide)
        opaque(layer / f"d/o{number}", mark)
    stack.check({"d/stays/old": 0} | {f"d/o{number}/new": number + 1 for number in range(4)},
                [f"d/w{number}" for number in range(4)] + [f"d/o{number}/old" for number in range(4)])


def test_names_that_are_metadata(stack):
    """AUFS keeps more than whiteouts under .wh..wh.; a bare .wh. names nothing. None is seen, none hides anything."""
    stack.layer("d/a", "d/plnk", "d/.wh", "d/.whx", "d/wh.a")
    upper = stack.layer("d/b")
    for name in (".wh..wh.aufs", ".wh..wh.orph", ".wh.", ".wh..wh.plnk", ".wh..wh..", ".wh..wh..opqx"):
        (upper / "d" / name).touch()
    (upper / ".wh..wh.plnk").touch()
    stack.check({"d/a": 0, "d/plnk": 0, "d/.wh": 0, "d/.whx": 0, "d/wh.a": 0, "d/b": 1},
                ["d/.wh..wh.aufs", "d/.wh.", "d/.wh..wh.plnk", ".wh..wh.plnk", "d/.wh..wh..opqx"])


def test_metadata_names_of_other_types(scratch, rofuse):
    """A whiteout is a file. Directories and links with such names are not seen either, and hide nothing."""
    stack = Stack(scratch, rofuse)
    stack.layer("d/a", "d/b", "d/c")
    upper = stack.layer("d/.wh.a/below", "d/.wh.b->c", ".wh..wh.plnk/1.2")
    os.mkfifo(upper / "d/.wh.c")
    mount = rofuse(layers=stack.layers)
    assert sorted(os.listdir(mount.path("d"))) == ["a", "b", "c"]
    assert not [name for name in os.listdir(mount.point) if name.startswith(".wh")]
    for path in ("d/.wh.a", "d/.wh.a/below", "d/.wh.b", "d/.wh.c", ".wh..wh.plnk", ".wh..wh.plnk/1.2"):
        assert not os.path.lexists(mount.path(path)), path


def test_metadata_names_cannot_be_made_or_removed(stack):
    stack.layer("d/a")
    whiteout(stack.layer("d/") / "d/a", "aufs")
    mount = stack.rofuse(layers=stack.layers)
    for name in ("d/.wh.a", "d/.wh.new", ".wh..wh..opq", "d/.wh."):
        path = mount.path(name)
        assert call(lambda at=path: os.open(at, os.O_CREAT | os.O_WRONLY)).name == "EROFS"
        assert call(lambda at=path: os.mkdir(at)).name == "EROFS"
        assert call(lambda at=path: os.open(at, os.O_RDONLY)).name == "ENOENT"
        assert call(lambda at=path: os.unlink(at)).name in ("ENOENT", "EROFS")
    assert sorted(os.listdir(stack.layers[1] / "d")) == [".wh.a"]


def test_metadata_attributes_are_not_there(stack):
    hidden = ["trusted.overlay.origin", "trusted.overlay.impure", "trusted.overlay.redirect",
              "trusted.overlay.metacopy", "trusted.overlay.upper", "trusted.overlay.nlink", "trusted.overlay.protattr",
              "trusted.overlay.uuid", "trusted.overlay.opaque", "user.overlay.opaque", "user.overlay.origin",
              "user.overlay.impure", "user.fuseoverlayfs.opaque", "user.fuseoverlayfs.origin",
              "user.containers.override_stat"]
    visible = ["user.overlayx", "user.containers.other", "user.fuseoverlay", "trusted.overla", "trusted.a"]
    layer = stack.layer("d/file", "e/file")
    for path in (layer, layer / "d", layer / "d/file"):
        for name in hidden + visible:
            os.setxattr(path, name, b"0:0:755" if "override" in name else b"n")
    for name in hidden:
        os.setxattr(layer / "e/file", name, b"0:0:755" if "override" in name else b"n")
    mount = stack.rofuse(layers=stack.layers)
    for path in ("", "d", "d/file"):
        assert sorted(os.listxattr(mount.path(path))) == sorted(visible), path
        for name in hidden:
            outcome = call(lambda at=path, attribute=name: os.getxattr(mount.path(at), attribute))
            assert outcome.name == "ENODATA", (path, name)
    assert os.listxattr(mount.path("e/file")) == []


def test_override_stat(stack):
    layer = stack.layer("file", "char", "block", "pipe", "socket", "dir/", "plain", "link->file")
    os.setxattr(layer, stacks.OVERRIDE, b"0:0:0755")
    values = {"file": b"1:2:04711", "char": b"3:4:0620:char-5-1", "block": b"0:6:0660:block-8-17",
              "pipe": b"0:0:0600:pipe", "socket": b"7:7:0777:socket", "dir": b"8:9:01777:dir"}
    for name, value in values.items():
        os.setxattr(layer / name, stacks.OVERRIDE, value)
        if name in ("char", "block", "pipe", "socket"):
            os.truncate(layer / name, 0)
    mount = stack.rofuse(layers=stack.layers)
    found = {}
    for name in values:
        st = os.lstat(mount.path(name))
        found[name] = (st.st_uid, st.st_gid, oct(st.st_mode), st.st_rdev)
    assert found == {"file": (1, 2, "0o104711", 0), "char": (3, 4, "0o20620", os.makedev(5, 1)),
                     "block": (0, 6, "0o60660", os.makedev(8, 17)), "pipe": (0, 0, "0o10600", 0),
                     "socket": (7, 7, "0o140777", 0), "dir": (8, 9, "0o41777", 0)}
    problems = []
    walk(mount.point, numbers=True, problems=problems)
    assert problems == []
    assert mount.path("file").read_text() == "0:file"
    # The mode that is shown is the one that counts.
    assert call(lambda: mount.path("file").read_text(), 1001, 1001).name == "EACCES"


@pytest.mark.parametrize("value", [b"", b"0:0", b"x:y:755", b"0:0:999", b"-1:0:755", b"0:0:755:dir", b"0:0:755:char-1",
                                   b"0:0:755:odd", b"4294967295:0:755", b" 0:0:755", b"0:0:755:", b"0:0:755:symlink",
                                   b"9" * 300])
def test_override_stat_that_is_malformed(stack, value):
    layer = stack.layer("file", "dir/")
    os.setxattr(layer / "file", stacks.OVERRIDE, value)
    os.chmod(layer / "file", 0o640)
    os.chown(layer / "file", 11, 12)
    mount = stack.rofuse(layers=stack.layers)
    st = os.lstat(mount.path("file"))
    assert (st.st_uid, st.st_gid, st.st_mode) == (11, 12, 0o100640)
    assert mount.path("file").read_text() == "0:file"


def test_devices_that_are_no_whiteouts(stack):
    layer = stack.layer("d/")
    for name, mode, numbers in (("block", stat.S_IFBLK, (0, 0)), ("char01", stat.S_IFCHR, (0, 1)),
                                ("char10", stat.S_IFCHR, (1, 0))):
        os.mknod(layer / "d" / name, mode | 0o600, os.makedev(*numbers))
    stack.layer("d/")
    kernel = stack.check({"d/block": "", "d/char01": "", "d/char10": ""})
    assert kernel[b"d/char01"].facts["rdev"] == os.makedev(0, 1)


@pytest.mark.parametrize("length", [250, 251, 252, 255])
def test_whiteouts_of_long_names(stack, length):
    """From 252 bytes on, .wh.NAME would be longer than a name can be: only the other forms can hide it."""
    name, other = "x" * length, "y" * length
    stack.layer(f"d/{name}", f"d/{other}")
    upper = stack.layer("d/")
    whiteout(upper / "d" / name, "aufs" if length <= 251 else "device")
    stack.check({f"d/{other}": 0}, [f"d/{name}"])


def test_hard_links(scratch, rofuse):
    """One number and the right count from the first stat of any name, in one layer and in a deduplicated store."""
    stack = Stack(scratch, rofuse)
    lower = stack.layer("a/one", "b/", "other")
    os.link(lower / "a/one", lower / "b/two")
    upper = stack.layer("c/")
    os.link(lower / "a/one", upper / "c/three")
    for order in (["c/three", "a/one", "b/two"], ["b/two", "c/three", "a/one"], ["a/one", "b/two", "c/three"]):
        mount = rofuse(layers=stack.layers)
        entries = [Entry(mount.path(path)) for path in order]
        assert [entry.facts["nlink"] for entry in entries] == [3, 3, 3]
        assert len({entry.identity for entry in entries}) == 1
        assert os.stat(mount.path("other")).st_ino != entries[0].identity[1]
        assert {entry.facts["content"] for entry in entries} == {b"0:a/one"}


def test_no_layers_at_all(rofuse):
    mount = rofuse(layers=[], tmpfs=["/tmp"])
    assert "tmp" in os.listdir(mount.point)
    assert os.stat(mount.point).st_mode == 0o40755
    mount.path("tmp/file").write_text("x")
    assert call(lambda: os.mkdir(mount.path("new"))).name == "EROFS"
