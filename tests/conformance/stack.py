"""The layers that the conformance matrix is asked about, its targets, and a digest that tells whether a layer changed.

Owners are those of the probe's callers (probe_callers.h): 1000 owns "own", 3000 is in group 1000, 4000 is named in
ACLs.
"""

import errno
import hashlib
import os
import pathlib
import stat
import struct

OWNER, STRANGER, ACL_USER = 1000, 2000, 4000
SUBORDINATE = 100005  # somebody in the user namespaces with a range
UNMAPPED_GROUP = 7
CONTENT = b"conformance\n"  # printable and no program: where it may be run, the answer is ENOEXEC
NO_DRIVER = os.makedev(120, 1)  # a number set aside for experiments: opening it is ENXIO
NULL = os.makedev(1, 3)

# tag, permissions, id of an entry; 0x01 user::, 0x02 user:ID:, 0x04 group::, 0x10 mask, 0x20 other
_ACL_TAGS = {"owner": 0x01, "user": 0x02, "group": 0x04, "mask": 0x10, "other": 0x20}


def acl(*entries):
    """The value of a system.posix_acl_* attribute. entries: (tag, permissions) or ("user", permissions, id)."""
    value = struct.pack("<I", 2)
    for tag, permissions, *number in entries:
        value += struct.pack("<HHI", _ACL_TAGS[tag], permissions, number[0] if number else 0xFFFFFFFF)
    return value


class Layer:
    """One layer's directory; every method makes one entry."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.path.mkdir()
        self.path.chmod(0o755)
        self._directories = []

    def _attributes(self, path, mode, uid, gid):
        os.chown(path, uid, gid, follow_symlinks=False)
        os.chmod(path, mode)

    def dir(self, name, mode=0o755, uid=0, gid=0):
        path = self.path / name
        path.mkdir()
        self._attributes(path, mode, uid, gid)
        return path

    def file(self, name, mode=0o644, uid=0, gid=0, content=CONTENT):
        path = self.path / name
        path.write_bytes(content)
        self._attributes(path, mode, uid, gid)
        return path

    def node(self, name, kind, mode=0o666, uid=0, gid=0, device=0):
        path = self.path / name
        os.mknod(path, kind | mode, device)
        self._attributes(path, mode, uid, gid)
        return path

    def link(self, name, text, uid=0, gid=0):
        os.symlink(text, self.path / name)
        os.chown(self.path / name, uid, gid, follow_symlinks=False)

    def acl(self, name, *entries, default=False):
        kind = "default" if default else "access"
        os.setxattr(self.path / name, f"system.posix_acl_{kind}", acl(*entries))

    def whiteout(self, name):
        os.mknod(self.path / name, stat.S_IFCHR, 0)

    def opaque(self, name):
        os.setxattr(self.path / name, "trusted.overlay.opaque", b"y")


def _base(layer):
    """The bottom layer: everything that stands for itself."""
    layer.dir("open", 0o777)
    layer.file("open/file", 0o666)
    layer.dir("open/empty", 0o777)
    layer.dir("closed")
    layer.file("closed/file", 0o600)

    layer.dir("plain")
    for name, mode, uid, gid in (("file", 0o644, 0, 0), ("everybodys", 0o666, 0, 0), ("readonly", 0o444, 0, 0),
                                 ("secret", 0o600, 0, 0), ("nobodys", 0o000, 0, 0), ("writeonly", 0o222, 0, 0),
                                 ("program", 0o755, 0, 0), ("execonly", 0o711, 0, 0), ("suid", 0o4755, 0, 0),
                                 ("sgid", 0o2755, 0, OWNER), ("owned", 0o600, OWNER, OWNER),
                                 ("grouped", 0o664, 0, OWNER), ("strangers", 0o600, STRANGER, STRANGER),
                                 ("subordinate", 0o600, SUBORDINATE, SUBORDINATE),
                                 ("half_mapped", 0o600, SUBORDINATE, UNMAPPED_GROUP)):
        layer.file(f"plain/{name}", mode, uid, gid)
    layer.file("plain/void", 0o666, content=b"")
    for name in ("user.kept", "trusted.kept", "security.kept"):
        os.setxattr(layer.path / "plain/everybodys", name, b"value")
        os.setxattr(layer.path / "plain/owned", name, b"value")
        os.setxattr(layer.path / "plain", name, b"value")
    layer.dir("plain/dir")
    layer.file("plain/dir/inner")

    layer.dir("own", 0o755, OWNER, OWNER)
    layer.file("own/file", 0o644, OWNER, OWNER)
    layer.file("own/readonly", 0o444, OWNER, OWNER)
    layer.file("own/roots", 0o600)
    layer.dir("own/empty", 0o755, OWNER, OWNER)
    layer.dir("own/locked", 0o555, OWNER, OWNER)
    layer.dir("group", 0o2770, 0, OWNER)
    layer.file("group/file", 0o660, 0, OWNER)

    layer.dir("sticky", 0o1777)
    layer.file("sticky/owned", 0o666, OWNER, OWNER)
    layer.file("sticky/roots", 0o666)
    layer.dir("sticky/dir", 0o777, OWNER, OWNER)
    layer.link("sticky/link", "owned", OWNER, OWNER)
    layer.node("sticky/fifo", stat.S_IFIFO, 0o666, OWNER, OWNER)

    # What others may do with the directory is what differs.
    for name, mode, uid in (("rootonly", 0o700, 0), ("ownonly", 0o700, OWNER), ("searchable", 0o711, 0),
                            ("listable", 0o744, 0), ("dropbox", 0o733, 0), ("unlistable", 0o722, 0),
                            ("barred", 0o000, 0)):
        layer.dir(name, mode, uid, uid)
        layer.file(f"{name}/file", 0o666, uid, uid)

    # A capability of a user namespace counts where both owners are mapped there.
    for name, gid in (("subordinate", SUBORDINATE), ("half_mapped", UNMAPPED_GROUP)):
        layer.dir(name, 0o700, SUBORDINATE, gid)
        layer.file(f"{name}/file", 0o600, SUBORDINATE, gid)

    layer.dir("links")
    for name, text in (("file", "../plain/file"), ("everybodys", "../plain/everybodys"), ("dir", "../open"),
                       ("absolute", "/plain/everybodys"), ("dangling", "absent"), ("dangling_open", "../open/absent"),
                       ("dangling_deep", "absent/absent"), ("loop", "loop"), ("restricted", "../rootonly/file"),
                       ("restricted_new", "../rootonly/absent"), ("chain", "everybodys"), ("up", "..")):
        layer.link(f"links/{name}", text)
    layer.link("links/owned", "../own/file", OWNER, OWNER)

    layer.dir("special", 0o777)
    layer.node("special/fifo", stat.S_IFIFO)
    layer.node("special/fifo_secret", stat.S_IFIFO, 0o600)
    layer.node("special/socket", stat.S_IFSOCK)
    layer.node("special/socket_secret", stat.S_IFSOCK, 0o600)
    layer.node("special/null", stat.S_IFCHR, 0o666, device=NULL)
    layer.node("special/null_secret", stat.S_IFCHR, 0o600, device=NULL)
    layer.node("special/char", stat.S_IFCHR, 0o666, device=NO_DRIVER)
    layer.node("special/block", stat.S_IFBLK, 0o660, device=NO_DRIVER)
    layer.file("special/" + "n" * 255, 0o666)
    layer.file("special/.hidden", 0o666)
    (layer.path / os.fsdecode(b"special/\xff\xfe raw")).write_bytes(CONTENT)

    _acls(layer)
    _covered(layer)


def _acls(layer):
    layer.dir("acl")
    layer.file("acl/allowed", 0o640)
    layer.acl("acl/allowed", ("owner", 6), ("user", 6, ACL_USER), ("group", 4), ("mask", 6), ("other", 0))
    layer.file("acl/denied", 0o666)
    layer.acl("acl/denied", ("owner", 6), ("user", 0, ACL_USER), ("group", 6), ("mask", 6), ("other", 6))
    layer.file("acl/masked", 0o644)
    layer.acl("acl/masked", ("owner", 6), ("user", 7, ACL_USER), ("group", 6), ("mask", 4), ("other", 4))
    layer.dir("acl/allowed_dir", 0o755)
    layer.acl("acl/allowed_dir", ("owner", 7), ("user", 7, ACL_USER), ("group", 5), ("mask", 7), ("other", 5))
    layer.dir("acl/denied_dir", 0o777)
    layer.acl("acl/denied_dir", ("owner", 7), ("user", 0, ACL_USER), ("group", 7), ("mask", 7), ("other", 7))
    layer.file("acl/denied_dir/file", 0o666)
    layer.dir("acl/default_dir", 0o777)
    layer.acl("acl/default_dir", ("owner", 7), ("user", 7, ACL_USER), ("group", 5), ("mask", 7), ("other", 5),
              default=True)


def _covered(layer):
    """What the layers above hide, replace or give other attributes."""
    layer.dir("covered", 0o777)
    layer.file("covered/gone", 0o666)
    layer.dir("covered/gone_dir", 0o777)
    layer.file("covered/gone_dir/file", 0o666)
    layer.file("covered/back", 0o666)
    layer.dir("covered/opaque", 0o777)
    layer.file("covered/opaque/old", 0o666)
    layer.dir("covered/swapped", 0o777)
    layer.file("covered/swapped/inner", 0o666)
    layer.file("covered/grown", 0o666)
    layer.dir("covered/tightened", 0o777)
    layer.file("covered/tightened/file", 0o666)
    layer.dir("covered/loosened", 0o700)
    layer.file("covered/loosened/file", 0o666)
    layer.dir("covered/emptied", 0o777)
    layer.file("covered/emptied/file", 0o666)


def _cover(layer):
    layer.dir("covered", 0o777)
    layer.whiteout("covered/gone")
    layer.whiteout("covered/gone_dir")
    layer.whiteout("covered/back")
    layer.dir("covered/opaque", 0o777)
    layer.opaque("covered/opaque")
    layer.file("covered/opaque/new", 0o666)
    layer.file("covered/swapped", 0o666)
    layer.dir("covered/grown", 0o777)
    layer.file("covered/grown/inner", 0o666)
    layer.dir("covered/tightened", 0o700)
    layer.dir("covered/loosened", 0o777)
    layer.dir("covered/emptied", 0o777)
    layer.whiteout("covered/emptied/file")


def _top(layer):
    layer.dir("covered", 0o777)
    layer.file("covered/back", 0o644, OWNER, OWNER)
    layer.dir("upper_only", 0o777)
    layer.file("upper_only/file", 0o666)


def build(directory):
    """Makes the layers below a directory and returns their paths, the bottom first."""
    layers = [Layer(pathlib.Path(directory) / name) for name in ("base", "cover", "top")]
    for fill, layer in zip((_base, _cover, _top), layers):
        fill(layer)
    return [layer.path for layer in layers]


def _named(prefix, *names):
    return [f"{prefix}/{name}" for name in names]


# Paths that are asked for as they stand; the path is the label.
_EXISTING = (
    ["open", "closed", "plain", "own", "group", "sticky", "rootonly", "ownonly", "searchable", "listable", "dropbox",
     "unlistable", "barred", "subordinate", "half_mapped", "special", "acl", "upper_only", "covered"]
    + _named("plain", "file", "everybodys", "readonly", "secret", "nobodys", "writeonly", "program", "execonly", "suid",
             "sgid", "owned", "grouped", "strangers", "subordinate", "half_mapped", "void", "dir", "dir/inner")
    + ["open/file", "open/empty", "closed/file"]
    + _named("own", "file", "readonly", "roots", "empty", "locked") + ["group/file"]
    + _named("sticky", "owned", "roots", "dir", "link", "fifo")
    + [f"{name}/file" for name in ("rootonly", "ownonly", "searchable", "listable", "dropbox", "unlistable", "barred",
                                   "subordinate", "half_mapped")]
    + _named("links", "file", "everybodys", "dir", "absolute", "dangling", "dangling_open", "dangling_deep", "loop",
             "restricted", "restricted_new", "chain", "owned", "up")
    + _named("special", "fifo", "fifo_secret", "socket", "socket_secret", "null", "null_secret", "char", "block",
             ".hidden")
    + _named("acl", "allowed", "denied", "masked", "allowed_dir", "denied_dir", "denied_dir/file", "default_dir")
    + _named("covered", "back", "opaque", "opaque/new", "swapped", "grown", "grown/inner", "tightened",
             "tightened/file", "loosened", "loosened/file", "emptied")
)

_MISSING = (
    [f"{name}/absent" for name in ("open", "closed", "plain", "own", "own/locked", "group", "sticky", "rootonly",
                                   "ownonly", "searchable", "listable", "dropbox", "unlistable", "barred",
                                   "subordinate", "half_mapped", "acl/allowed_dir", "acl/denied_dir",
                                   "covered/opaque", "covered/grown", "covered/tightened", "covered/loosened")]
    + ["absent", "absent/absent", "open/absent/absent", "rootonly/absent/absent", "links/dir/absent",
       "links/dangling/absent", "links/loop/absent", "special/.wh.absent"]
    + _named("covered", "gone", "gone_dir", "gone_dir/file", "opaque/old", "emptied/file")
)

_ODD = (
    [("root", "."), ("root_slash", "/"), ("parent", ".."), ("nothing", "")]
    + [(f"{path}+slash", path + "/")
       for path in ("open", "plain", "plain/file", "plain/secret", "open/absent", "closed/absent", "rootonly/absent",
                    "links/dir", "links/file", "links/dangling", "links/dangling_open", "special/fifo",
                    "covered/gone")]
    + [(f"{path}+dot", path + "/.") for path in ("open", "own", "plain/file", "rootonly", "open/absent")]
    + [(f"{path}+dotdot", path + "/..") for path in ("open/empty", "plain/file", "rootonly")]
    + [(f"{path}+below", path + "/x") for path in ("plain/file", "plain/secret", "special/fifo", "covered/swapped",
                                                   "links/file")]
    + [("longest_name", "special/" + "n" * 255), ("longest_new_name", "open/" + "m" * 255),
       ("too_long_name", "open/" + "m" * 256), ("too_long_new_path", "open/" + "./" * 2048 + "x"),
       ("raw_name", os.fsdecode(b"special/\xff\xfe raw")), ("raw_new_name", os.fsdecode(b"open/\xff\xfe new"))]
)


_KIND_NAMES = {stat.S_IFDIR: "dir", stat.S_IFREG: "regular", stat.S_IFIFO: "fifo", stat.S_IFSOCK: "socket",
               stat.S_IFCHR: "device", stat.S_IFBLK: "device"}


def targets():
    """Pairs of label and path; labels have no space."""
    return [(path, path) for path in _EXISTING + _MISSING] + _ODD


def write_targets(path, wanted=None):
    """Writes the probe's file of targets, all or those with the wanted labels."""
    chosen = [pair for pair in targets() if wanted is None or pair[0] in wanted]
    with open(path, "wb") as file:
        for pair in chosen:
            file.write(b"".join(os.fsencode(text) + b"\0" for text in pair))
    return len(chosen)


def kinds(root):
    """The kind of each target as a file system shows it: {label: "dir" | "regular" | … | "missing" | "broken"}.

    A symbolic link is "link.KIND" of what it leads to; broken is a path that cannot be walked.
    """
    return {label: _kind(pathlib.Path(root), path) for label, path in targets()}


def _kind(root, path, followed=0):
    if path == "":
        return "missing"
    full = f"{root}/{path}"
    try:
        mode = os.lstat(full).st_mode
    except OSError as error:
        return "missing" if error.errno == errno.ENOENT else "broken"
    if not stat.S_ISLNK(mode):
        return _KIND_NAMES[stat.S_IFMT(mode)]
    if followed == 40:
        return "broken"
    text = os.readlink(full)
    led = _kind(root, text if text.startswith("/") else os.path.join(os.path.dirname(path), text), followed + 1)
    return f"link.{led.removeprefix('link.')}"


def digest(directory):
    """A hash of names, types, modes, owners, devices, times of change, extended attributes and content of a tree."""
    total = hashlib.sha256()
    pending = [os.fsencode(directory)]
    while pending:
        path = pending.pop()
        st = os.lstat(path)
        facts = [path[len(os.fsencode(directory)):], st.st_mode, st.st_uid, st.st_gid, st.st_rdev, st.st_nlink,
                 st.st_size, st.st_mtime_ns, st.st_ctime_ns]
        for name in sorted(os.listxattr(path, follow_symlinks=False)):
            facts += [name, os.getxattr(path, name, follow_symlinks=False)]
        if stat.S_ISREG(st.st_mode):
            with open(path, "rb") as file:
                facts.append(file.read())
        elif stat.S_ISLNK(st.st_mode):
            facts.append(os.readlink(path))
        elif stat.S_ISDIR(st.st_mode):
            pending += [os.path.join(path, name) for name in sorted(os.listdir(path), reverse=True)]
        total.update(repr(facts).encode())
    return total.hexdigest()
