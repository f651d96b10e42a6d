"""Does every operation that changes something below d/ of a root, and prints what came of each: python3 every_operation.py ROOT.

For a comparison of two roots that should not differ; prepare() makes what it works on in a layer.
"""

import ctypes
import errno
import fcntl
import mmap
import os
import pathlib
import socket
import stat
import subprocess
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
EXCHANGE, NOREPLACE = 2, 1
PUNCH_HOLE = 3


def run(*words):
    """What a program prints; where it is not installed, that."""
    try:
        result = subprocess.run(words, capture_output=True, text=True, check=False)
        return result.stdout, result.returncode
    except FileNotFoundError:
        return "not there"


def prepare(layer):
    place = pathlib.Path(layer) / "d"
    for name in ("dacl", "sg", "st", "x1", "x2/in", "empty"):
        (place / name).mkdir(parents=True)
    for name in ("acl", "suid", "e1", "e2", "x1/a", "x2/b", "sg/f", "trunc"):
        (place / name).write_text(name)
    (place / "big").write_bytes(bytes(range(256)) * 800)
    (place / "cap").write_bytes(pathlib.Path("/bin/true").read_bytes())
    run("setfacl", "-m", "u:5:r", str(place / "acl"))
    run("setfacl", "-d", "-m", "u:6:rwx", str(place / "dacl"))
    run("setcap", "cap_net_raw+ep", str(place / "cap"))
    os.chown(place / "sg", 0, 9)
    for name, mode in (("suid", 0o4755), ("sg", 0o2775), ("st", 0o1777)):
        (place / name).chmod(mode)
    os.mknod(place / "null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    os.symlink("nowhere", place / "ln")


def write(name, text, mode="w"):
    with open(name, mode, encoding="utf-8") as file:
        file.write(text)


def read(name):
    return pathlib.Path(name).read_bytes()


def mode_of(name):
    return oct(os.lstat(name).st_mode)


def rename2(old, new, flags):
    result = LIBC.renameat2(-100, old, -100, new, flags)
    return result, errno.errorcode.get(ctypes.get_errno()) if result else None


def tmpfile_that_gets_a_name():
    fd = os.open("d", os.O_TMPFILE | os.O_RDWR)
    os.write(fd, b"abc")
    os.link(f"/proc/self/fd/{fd}", "d/named", follow_symlinks=True)
    os.close(fd)
    return read("d/named"), os.stat("d/named").st_nlink


def mapped():
    with open("d/big", "r+b") as file:
        mapping = mmap.mmap(file.fileno(), 0)
        mapping[0:4], mapping[100000:100004] = b"mmap", b"tail"
        mapping.flush()
        mapping.close()
    return read("d/big")[:4], read("d/big")[100000:100004], len(read("d/big"))


def allocated():
    fd = os.open("d/big", os.O_RDWR)
    os.posix_fallocate(fd, 0, 9000)
    LIBC.fallocate(fd, PUNCH_HOLE, ctypes.c_long(0), ctypes.c_long(4096))
    os.close(fd)
    return len(read("d/big")), read("d/big")[:4]


def copied():
    source, target = os.open("d/e1", os.O_RDONLY), os.open("d/cf", os.O_RDWR | os.O_CREAT)
    done = os.copy_file_range(source, target, 100)
    os.close(source)
    os.close(target)
    return done, read("d/cf")


def locked():
    with open("d/e1", encoding="utf-8") as file:
        return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def bound():
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("d/socket")
    return mode_of("d/socket")


def deep():
    for depth in range(40):
        os.mkdir("d/deep" + "/x" * depth)
    return len(list(os.walk("d/deep")))


def links():
    names = [name for name in sorted(os.listdir("d")) if not stat.S_ISDIR(os.lstat(f"d/{name}").st_mode)]
    return [(name, os.lstat(f"d/{name}").st_nlink) for name in names]


OPERATIONS = [
    ("acl", lambda: run("getfacl", "-cn", "d/acl")),
    ("setfacl", lambda: (run("setfacl", "-m", "u:77:rw", "d/acl"), run("getfacl", "-cn", "d/acl"))),
    ("default acl", lambda: (write("d/dacl/new", "x"), run("getfacl", "-cn", "d/dacl/new"))),
    ("capability", lambda: os.getxattr("d/cap", "security.capability")),
    ("capability, chown", lambda: (os.chown("d/cap", 5, 5), os.listxattr("d/cap"))),
    ("set-user-ID, write", lambda: (write("d/suid", "x", "a"), mode_of("d/suid"))),
    ("set-user-ID, chown", lambda: (os.chown("d/suid", 7, 7), mode_of("d/suid"))),
    ("set-group-ID directory", lambda: (os.mkdir("d/sg/sub"), mode_of("d/sg/sub"), os.stat("d/sg/sub").st_gid)),
    ("sticky", lambda: mode_of("d/st")),
    ("device", lambda: (os.mknod("d/null2", 0o666 | stat.S_IFCHR, os.makedev(1, 3)), mode_of("d/null2"), os.stat("d/null2").st_rdev)),
    ("chmod of a device", lambda: (os.chmod("d/null", 0o600), mode_of("d/null"))),
    ("device 0:0", lambda: os.mknod("d/whiteout", 0o666 | stat.S_IFCHR, 0)),
    ("file without a name", lambda: os.close(os.open("d", os.O_TMPFILE | os.O_RDWR))),
    ("file that gets a name", tmpfile_that_gets_a_name),
    ("O_DIRECT", lambda: os.close(os.open("d/big", os.O_RDWR | os.O_DIRECT))),
    ("exchange files", lambda: (rename2(b"d/e1", b"d/e2", EXCHANGE), read("d/e1"), read("d/e2"))),
    ("exchange directories", lambda: (rename2(b"d/x1", b"d/x2", EXCHANGE), sorted(os.listdir("d/x1")), sorted(os.listdir("d/x2")))),
    ("no replacing", lambda: rename2(b"d/e1", b"d/e2", NOREPLACE)),
    ("directory over an empty one", lambda: os.rename("d/x1", "d/empty")),
    ("directory over a full one", lambda: os.rename("d/x2", "d/sg")),
    ("rmdir of a full one", lambda: os.rmdir("d/sg")),
    ("bind", bound),
    ("mmap", mapped),
    ("truncate", lambda: (os.truncate("d/big", 5000), len(read("d/big")), read("d/big")[:6])),
    ("fallocate", allocated),
    ("copy_file_range", copied),
    ("append", lambda: (write("d/e2", "zzz", "a"), read("d/e2"))),
    ("O_EXCL", lambda: os.open("d/e2", os.O_CREAT | os.O_EXCL | os.O_WRONLY)),
    ("O_TRUNC", lambda: (os.close(os.open("d/trunc", os.O_WRONLY | os.O_TRUNC)), os.stat("d/trunc").st_size)),
    ("times", lambda: (os.utime("d/trunc", (5, 6)), os.stat("d/trunc").st_mtime)),
    ("rename of a symbolic link", lambda: (os.rename("d/ln", "d/ln2"), os.readlink("d/ln2"))),
    ("its owner", lambda: (os.lchown("d/ln2", 3, 4), os.lstat("d/ln2").st_uid)),
    ("link of it", lambda: (os.link("d/ln2", "d/ln3", follow_symlinks=False), os.lstat("d/ln3").st_nlink,
                            os.lstat("d/ln3").st_ino == os.lstat("d/ln2").st_ino)),
    ("trusted attribute", lambda: (os.setxattr("d/e1", "trusted.foo", b"1"), sorted(os.listxattr("d/e1")))),
    ("overlayfs' own attribute", lambda: os.setxattr("d/e1", "trusted.overlay.opaque", b"y")),
    ("attribute of a directory", lambda: (os.setxattr("d/st", "user.a", b"1"), os.getxattr("d/st", "user.a"))),
    ("no attribute", lambda: (os.removexattr("d/st", "user.a"), os.listxattr("d/st"))),
    ("chattr", lambda: run("chattr", "+i", "d/e1")),
    ("flock", locked),
    ("long name", lambda: write("d/" + "n" * 255, "x")),
    ("too long a name", lambda: write("d/" + "n" * 256, "x")),
    ("deep", deep),
    ("rm -r", lambda: run("rm", "-rf", "d/deep", "d/x2", "d/sg")),
    ("what is left", lambda: sorted(os.listdir("d"))),
    ("made anew", lambda: (os.mkdir("d/sg"), os.listdir("d/sg"))),
    ("links", links),
]


def main(root):
    os.chdir(root)
    for name, operation in OPERATIONS:
        try:
            result = operation()
        except OSError as error:
            result = errno.errorcode[error.errno]
        print(f"{name}: {result}")


if __name__ == "__main__":
    main(sys.argv[1])
