"""What a program of another user would be told: a system call in a process of that user."""

import contextlib
import dataclasses
import errno
import os
import struct
import subprocess

ACL_XATTR = "system.posix_acl_access"
TAGS = {"owner": 0x01, "user": 0x02, "own-group": 0x04, "group": 0x08, "mask": 0x10, "others": 0x20}


@dataclasses.dataclass(frozen=True)
class User:
    uid: int
    gid: int
    groups: tuple = ()

    def args(self):
        """Who he is, for the control socket."""
        return {"uid": self.uid, "gid": self.gid, "groups": list(self.groups)}


def set_acl(path, *entries):
    """Sets an ACL; entries: (tag, id or None, bits), in acl(5)'s order."""
    packed = [struct.pack("<HHI", TAGS[tag], bits, 0xffffffff if who is None else who) for tag, who, bits in entries]
    os.setxattr(path, ACL_XATTR, struct.pack("<I", 2) + b"".join(packed))


@contextlib.contextmanager
def acting_as(user):
    """This process has the file-system ids, the groups and the capabilities of a user for a while."""
    groups, gid = os.getgroups(), os.getegid()
    os.setgroups(user.groups)
    os.setegid(user.gid)
    os.seteuid(user.uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(gid)
        os.setgroups(groups)


def errno_of(user, call, *args):
    """The errno of a call (0: it worked) made as a user."""
    with acting_as(user):
        try:
            call(*args)
        except OSError as error:
            return error.errno
    return 0


def errno_of_exec(user, path):
    """The errno of an execve(2) by a process of a user."""
    try:
        subprocess.run([path], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, user=user.uid,
                       group=user.gid, extra_groups=user.groups, cwd="/")
    except OSError as error:
        return error.errno
    return 0


def name_of(number):
    return errno.errorcode[number] if number else None

