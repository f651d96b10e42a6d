"""
Random stacks of layers, and their translation into the one form of whiteouts and opaques that kernel overlayfs knows.

A layer is made on disk, with whiteouts and opaques of all forms mixed; a Converter reads what is on disk (it knows
nothing of the generator) and copies it, so that hand-made layers can be compared with the kernel in the same way.
"""

import errno
import os
import stat
import struct

PLACES = ["proc/", "sys/", "dev/", "dev/pts/", "dev/shm/", "dev/mqueue/", "dev/console", "etc/", "etc/hosts",
          "etc/hostname", "etc/resolv.conf", "etc/mtab", "run/", "run/secrets/", "run/.containerenv", ".dockerenv",
          "tmp/"]

# Few, so that layers meet; among them every character that some format or parser stumbles over.
NAMES = [b"a", b"b", b"c", b"d", b"e", b"f", b"bin", b"lib", b"new\nline", b"back\\slash", b"col:on", b"com,ma",
         b"\xff\xfe", b"\xc3\xa9t\xc3\xa9", b" space ", b"-n", b"...", b".hidden", b".wh", b".whx", b"wh.a", b"=equals",
         b"%41", b"#~*?[", b"\x01\x7f", b"'\"$`", b"x" * 255, b"y" * 251, b"z" * 252, b"\xff" * 255]

OPAQUE_FILE = b".wh..wh..opq"
OPAQUE_ATTRIBUTES = ("trusted.overlay.opaque", "user.overlay.opaque", "user.fuseoverlayfs.opaque")
WHITEOUT_ATTRIBUTES = ("trusted.overlay.whiteout", "user.overlay.whiteout")
OVERRIDE = "user.containers.override_stat"
METADATA_PREFIXES = ("trusted.overlay.", "user.overlay.", "user.fuseoverlayfs.")

TYPES = {"file": stat.S_IFREG, "dir": stat.S_IFDIR, "symlink": stat.S_IFLNK, "pipe": stat.S_IFIFO,
         "socket": stat.S_IFSOCK, "char": stat.S_IFCHR, "block": stat.S_IFBLK}


def acl(*entries):
    """The value of a system.posix_acl_* attribute; entries are (tag, permissions, id)."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", tag, perm, who & 0xffffffff)
                                           for tag, perm, who in entries)


ACL = acl((1, 7, -1), (2, 6, 2000), (4, 5, -1), (8, 4, 3000), (16, 7, -1), (32, 1, -1))
# cap_net_raw=ep, revision 2
CAPABILITY = struct.pack("<IIIII", 0x02000001, 1 << 13, 0, 0, 0)


def make_places(layer):
    """The places that rofuse makes by itself where the image lacks them."""
    for place in PLACES:
        path = os.path.join(layer, os.fsencode(place))
        if place.endswith("/"):
            os.makedirs(path, exist_ok=True)
        elif not os.path.exists(path):
            with open(path, "wb"):
                pass


class Generator:
    """Writes random layers. chance: a random.Random; top: bytes path of a directory for all of them."""

    def __init__(self, chance, top):
        self.chance, self.top = chance, os.fsencode(top)
        self.files = []  # (path, device-and-inode) of what further hard links can be made of, in all layers

    def stack(self, n_layers):
        """Makes the layers and returns their paths, first = bottom."""
        layers = []
        for number in range(n_layers):
            layer = os.path.join(self.top, b"layer%d" % number)
            os.mkdir(layer)
            self.layer(layer, number)
            layers.append(layer)
        return layers

    def layer(self, layer, number):
        chance = self.chance
        self.mine = []  # hard links stay in a layer, but for a few (deduplicated stores)
        self.overriding = chance.random() < 0.2
        if self.overriding:
            os.setxattr(layer, OVERRIDE, b"%d:%d:755" % (chance.randrange(5), chance.randrange(5)))
        self.directory(layer, 0)
        if number == 0 or os.path.exists(os.path.join(layer, OPAQUE_FILE)) or is_opaque(layer):
            make_places(layer)
        self.attributes(layer, 0o40755)

    def directory(self, path, depth):
        chance = self.chance
        attribute_whiteouts = None
        opaque = chance.random() < (0.15 if depth else 0.03)
        if opaque:
            for form in chance.sample(range(4), chance.choice((1, 1, 2))):
                if form == 0:
                    with open(os.path.join(path, OPAQUE_FILE), "wb"):
                        pass
                else:
                    os.setxattr(path, OPAQUE_ATTRIBUTES[form - 1], b"y")
        elif chance.random() < 0.3:
            attribute_whiteouts = chance.choice(("trusted", "user"))
            os.setxattr(path, attribute_whiteouts + ".overlay.opaque", b"x")
        n_entries = chance.randrange(0, 12) if depth else chance.randrange(4, 14)
        for name in chance.sample(NAMES, n_entries):
            what = chance.random()
            if what < 0.25:
                self.whiteout(path, name, attribute_whiteouts)
                continue
            self.entry(os.path.join(path, name), depth)
            if what > 0.9 and len(name) <= 251:
                self.aufs_whiteout(path, name)  # beside an entry: it speaks of the layers below only

    def aufs_whiteout(self, path, name):
        with open(os.path.join(path, b".wh." + name), "wb") as file:
            if self.chance.random() < 0.1:
                file.write(b"not empty")

    def whiteout(self, path, name, attribute_whiteouts):
        forms = ["device"] + (["aufs", "aufs"] if len(name) <= 251 else []) + \
            (["attribute"] * 3 if attribute_whiteouts else [])
        form = self.chance.choice(forms)
        where = os.path.join(path, name)
        if form == "device":
            os.mknod(where, stat.S_IFCHR | 0o600, os.makedev(0, 0))
        elif form == "aufs":
            self.aufs_whiteout(path, name)
        else:
            os.mknod(where, stat.S_IFREG | 0o600)
            os.setxattr(where, attribute_whiteouts + ".overlay.whiteout", self.chance.choice((b"", b"y")))

    def entry(self, path, depth):
        chance = self.chance
        kinds = ["file"] * 6 + ["symlink"] * 2 + ["link"] * 2 + ["char", "block", "fifo", "socket"]
        if depth < 4:
            kinds += ["dir"] * (8 if depth == 0 else 5)
        kind = chance.choice(kinds)
        linked = self.mine if chance.random() < 0.85 else self.files
        if kind == "link" and not linked:
            kind = "file"
        mode = chance.choice((0o644, 0o755, 0o600, 0, 0o4755, 0o2755, 0o1777, 0o7777, 0o111))
        if kind == "link":
            os.link(chance.choice(linked), path, follow_symlinks=False)
            return
        if kind == "dir":
            os.mkdir(path)
            self.directory(path, depth + 1)
        elif kind == "file":
            self.content(path)
        elif kind == "symlink":
            os.symlink(chance.choice((b"a", b"../b/c", b"/etc", b"\xff", b"t" * 4095, b"s" * 60, b"gone", b".")), path)
        elif kind == "fifo":
            os.mkfifo(path)
        elif kind == "socket":
            os.mknod(path, stat.S_IFSOCK)
        else:
            number = (chance.randrange(0, 300), chance.randrange(0, 70000))
            if kind == "char" and number == (0, 0):
                number = (1, 3)
            os.mknod(path, stat.S_IFCHR if kind == "char" else stat.S_IFBLK, os.makedev(*number))
        if kind != "dir":
            self.mine.append(path)
            self.files.append(path)
        self.attributes(path, mode)

    def content(self, path):
        chance = self.chance
        with open(path, "wb") as file:
            what = chance.random()
            if what < 0.2:
                pass
            elif what < 0.9:
                file.write(chance.randbytes(chance.randrange(1, 9000)))
            else:  # sparse
                file.seek(chance.randrange(1, 300000))
                file.write(b"end")

    def attributes(self, path, mode):
        """Owner, mode, extended attributes and times, in the order in which none undoes another."""
        chance = self.chance
        st = os.lstat(path)
        is_link = stat.S_ISLNK(st.st_mode)
        names = {}
        if chance.random() < 0.5:
            os.chown(path, chance.randrange(0, 70000), chance.randrange(0, 70000), follow_symlinks=False)
        if chance.random() < 0.25:
            names["trusted.test"] = chance.randbytes(chance.randrange(0, 200))
        if chance.random() < 0.1:
            names["trusted.overlay.origin"] = b"\x00\xfb"
        if not is_link:
            os.chmod(path, mode & 0o7777)
            if chance.random() < 0.15:
                names["system.posix_acl_access"] = ACL
        if stat.S_ISDIR(st.st_mode) or stat.S_ISREG(st.st_mode):
            for name in ("user.one", "user.\xe9", "user.containers", "user.overlayer", "user." + "n" * 250):
                if chance.random() < 0.08:
                    names[name] = chance.randbytes(chance.randrange(0, 60))
        if stat.S_ISDIR(st.st_mode) and chance.random() < 0.1:
            names["system.posix_acl_default"] = ACL
        if stat.S_ISREG(st.st_mode) and chance.random() < 0.1:
            names["security.capability"] = CAPABILITY
        if OVERRIDE in os.listxattr(path, follow_symlinks=False):  # the layer's root
            names.pop("system.posix_acl_access", None)
        elif self.overriding:
            names.update(self.override(st))
        if OVERRIDE in names:
            names.pop("system.posix_acl_access", None)  # its mask and the mode to show would contradict each other
            if names[OVERRIDE].count(b":") > 2:  # a device or a pipe has no attributes of users
                names = {name: names[name] for name in names if not name.startswith("user.") or name == OVERRIDE}
        for name, value in names.items():
            os.setxattr(path, name, value, follow_symlinks=False)
        seconds = chance.choice((0, 1, -86400 * 3650, 1_700_000_000, 4_000_000_000, chance.randrange(0, 2**31)))
        when = seconds * 10**9 + chance.choice((0, 1, 123456789, 999999999))
        os.utime(path, ns=(when, when), follow_symlinks=False)

    def override(self, st):
        """What layers of an ordinary user keep beside a file: owner, mode and, if it could not be made, type."""
        chance = self.chance
        if stat.S_ISREG(st.st_mode) and chance.random() < 0.4:
            # What is shown as a device or a pipe is an empty file in such layers.
            words = ["", ":file"] + ([":pipe", ":socket", ":char-1-3", ":block-8-1"] if st.st_size == 0 else [])
            return {OVERRIDE: b"%d:%d:0%o%s" % (chance.randrange(9), 4000000000, chance.choice((0o644, 0o4711)),
                                                chance.choice(words).encode())}
        if stat.S_ISDIR(st.st_mode) and chance.random() < 0.4:
            return {OVERRIDE: b"0:0:0%o" % chance.choice((0o755, 0o1777, 0o40700))}
        return {}


def has_attribute(path, names, value=None):
    for name in names:
        try:
            found = os.getxattr(path, name, follow_symlinks=False)
        except OSError as error:
            if error.errno not in (errno.ENODATA, errno.EOPNOTSUPP, errno.EPERM):
                raise
            continue
        if value is None or found == value:
            return True
    return False


def is_opaque(path):
    return has_attribute(path, OPAQUE_ATTRIBUTES, b"y")


class Converter:
    """Copies layers for the kernel: whiteouts become devices 0:0, opaques trusted.overlay.opaque."""

    def __init__(self):
        self.copies = {}  # device and inode of a file → its copy: hard links, in a layer and across layers

    def stack(self, layers, top):
        """Returns the directories to mount, first = bottom. For an opaque root, which overlayfs lacks, none below."""
        top = os.fsencode(top)
        converted = []
        for number, layer in enumerate(map(os.fsencode, layers)):
            target = os.path.join(top, b"%d" % number)
            os.mkdir(target)
            if self.directory(layer, target, root=True):
                converted = []
            converted.append(target)
        while len(converted) < 2:
            empty = os.path.join(top, b"empty%d" % len(converted))
            os.mkdir(empty)
            converted.insert(0, empty)
        return converted

    def directory(self, source, target, root=False):
        """Returns whether the directory is opaque."""
        names = os.listdir(source)
        opaque = is_opaque(source) or OPAQUE_FILE in names
        attribute_whiteouts = has_attribute(source, OPAQUE_ATTRIBUTES, b"x")
        hidden = {name[4:] for name in names if name.startswith(b".wh.") and name != b".wh."
                  and not name.startswith(b".wh..wh.") and stat.S_ISREG(os.lstat(os.path.join(source, name)).st_mode)}
        for name in names:
            if name.startswith(b".wh."):
                continue
            self.entry(os.path.join(source, name), os.path.join(target, name), attribute_whiteouts, name in hidden)
        for name in hidden - set(names):
            os.mknod(os.path.join(target, name), stat.S_IFCHR | 0o600, os.makedev(0, 0))
        self.metadata(source, target)
        if opaque and not root:
            os.setxattr(target, "trusted.overlay.opaque", b"y")
        return opaque

    def entry(self, source, target, attribute_whiteouts, hides_below):
        st = os.lstat(source)
        whiteout = stat.S_ISCHR(st.st_mode) and st.st_rdev == 0
        if attribute_whiteouts and stat.S_ISREG(st.st_mode) and st.st_size == 0:
            whiteout = whiteout or has_attribute(source, WHITEOUT_ATTRIBUTES)
        if whiteout:
            os.mknod(target, stat.S_IFCHR | 0o600, os.makedev(0, 0))
            return
        if stat.S_ISDIR(st.st_mode):
            os.mkdir(target)
            self.directory(source, target)
            if hides_below:
                os.setxattr(target, "trusted.overlay.opaque", b"y")
                restore_times(source, target)
            return
        key = (st.st_dev, st.st_ino)
        if key in self.copies:
            os.link(self.copies[key], target, follow_symlinks=False)
            return
        self.copies[key] = target
        kind, rdev = stat.S_IFMT(st.st_mode), st.st_rdev
        override = self.override(source)
        if override is not None and override[3] is not None:
            kind, rdev = override[3], override[4]
        if kind == stat.S_IFLNK:
            os.symlink(os.readlink(source), target)
        elif kind == stat.S_IFREG:
            with open(source, "rb") as file, open(target, "wb") as copy:
                copy.write(file.read())
        else:
            os.mknod(target, kind | 0o600, rdev)
        self.metadata(source, target)

    @staticmethod
    def override(source):
        """(uid, gid, mode, type or None, rdev) of an override_stat attribute, or None."""
        if OVERRIDE not in os.listxattr(source, follow_symlinks=False):
            return None
        fields = os.getxattr(source, OVERRIDE, follow_symlinks=False).decode().split(":")
        kind, rdev = None, 0
        if len(fields) > 3:
            word, *numbers = fields[3].split("-")
            kind = TYPES[word]
            if numbers:
                rdev = os.makedev(*map(int, numbers))
        return int(fields[0]), int(fields[1]), int(fields[2], 8) & 0o7777, kind, rdev

    def metadata(self, source, target):
        st = os.lstat(source)
        uid, gid, mode = st.st_uid, st.st_gid, stat.S_IMODE(st.st_mode)
        override = self.override(source)
        if override is not None:
            uid, gid, mode = override[:3]
        os.chown(target, uid, gid, follow_symlinks=False)
        for name in os.listxattr(source, follow_symlinks=False):
            if not name.startswith(METADATA_PREFIXES) and name != OVERRIDE:
                value = os.getxattr(source, name, follow_symlinks=False)
                os.setxattr(target, name, value, follow_symlinks=False)
        if not stat.S_ISLNK(st.st_mode):
            os.chmod(target, mode)
        restore_times(source, target)


def restore_times(source, target):
    st = os.lstat(source)
    os.utime(target, ns=(st.st_mtime_ns, st.st_mtime_ns), follow_symlinks=False)


def describe(layers):
    """What is in the layers, one line for each entry, for the message of a failed test."""
    lines = []
    for number, layer in enumerate(layers):
        for where, directories, files in os.walk(os.fsencode(layer)):
            for name in sorted(directories + files) + [b""]:
                path = os.path.join(where, name)
                st = os.lstat(path)
                attributes = os.listxattr(path, follow_symlinks=False)
                lines.append(f"{number} {os.path.relpath(path, os.fsencode(layer))!r} {st.st_mode:o} {st.st_rdev:x} "
                             f"{st.st_size} {attributes}")
    return "\n".join(lines)
