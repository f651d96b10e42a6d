"""System calls that Python's os module lacks; each raises OSError as os does."""

import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)
AT_FDCWD, AT_SYMLINK_FOLLOW, AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW = -100, 0x400, 0x1000, 0x100
RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_WHITEOUT = 1, 2, 4
KEEP_SIZE, PUNCH_HOLE, COLLAPSE_RANGE, ZERO_RANGE, INSERT_RANGE, UNSHARE_RANGE = 1, 2, 8, 16, 32, 64
SYS_FCHMODAT2 = 452

for _name in ("fallocate", "lseek", "sync_file_range"):
    getattr(libc, _name).argtypes = [ctypes.c_int] + [ctypes.c_long] * 3
libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long]


def checked(result):
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def rename2(old, new, flags=0):
    checked(libc.renameat2(AT_FDCWD, os.fsencode(old), AT_FDCWD, os.fsencode(new), flags))


def fallocate(fd, mode, offset, length):
    checked(libc.fallocate(fd, mode, offset, length))


def link_fd(fd, new):
    """Gives a file without a name one, by way of /proc."""
    checked(libc.linkat(AT_FDCWD, os.fsencode(f"/proc/self/fd/{fd}"), AT_FDCWD, os.fsencode(new), AT_SYMLINK_FOLLOW))


def link_fd_directly(fd, new):
    checked(libc.linkat(fd, b"", AT_FDCWD, os.fsencode(new), AT_EMPTY_PATH))


def fchmodat2(path, mode, flags):
    checked(libc.syscall(SYS_FCHMODAT2, AT_FDCWD, os.fsencode(path), mode, flags))


def syncfs(fd):
    checked(libc.syncfs(fd))


def setxattr(path, name, value, size, flags=0):
    """With a size of its own, for values that Python would not make."""
    checked(libc.setxattr(os.fsencode(path), os.fsencode(name), value, size, flags))


def getxattr_size(path, name, size):
    buffer = ctypes.create_string_buffer(max(size, 1))
    return checked(libc.getxattr(os.fsencode(path), os.fsencode(name), buffer if size else None, size))


def listxattr_size(path, size):
    buffer = ctypes.create_string_buffer(max(size, 1))
    return checked(libc.listxattr(os.fsencode(path), buffer if size else None, size))
