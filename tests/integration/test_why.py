"""`rofuse why`: what is said of a path is so. Every verdict is compared with what a program of that user is told."""

import json
import os
import pathlib
import shutil
import socket
import stat
import subprocess

from as_user import User, errno_of, errno_of_exec, name_of, set_acl
from control import Control
import jsonschema
import pytest
import rofuse_test

SCHEMA = json.loads((rofuse_test.ROOT / "src" / "why.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

ROOT, APP, MEMBER, NAMED = User(0, 0), User(1000, 1000, (1000,)), User(1001, 1001, (2000,)), User(1002, 1002, ())
USERS = {"root": ROOT, "app": APP, "member": MEMBER, "named": NAMED}

# Below each of these lies the same tree (furnish()).
FURNISHED = ("/srv", "/data", "/ro", "/tmp", "/backing", "/data/nested", "/native")


def why(mount, path, user=ROOT):
    """The daemon's answer."""
    with Control(mount) as control:
        return checked(control.result("why", path=path, **user.args()))


def checked(answer):
    problems = [f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in VALIDATOR.iter_errors(answer)]
    assert not problems, f"{json.dumps(answer)}: {problems}"
    return answer


def verdict(answer, operation):
    found = [item for item in answer["verdicts"] if item["operation"] == operation]
    return found[-1]


def furnish(top):
    """Directories and files of many owners and modes; devices are left out where they cannot be made."""
    for name, mode, gid in (("open", 0o777, 0), ("closed", 0o755, 0), ("private", 0o700, 0), ("group", 0o770, 2000),
                            ("search", 0o711, 0), ("sticky", 0o1777, 0), ("acl", 0o750, 0), ("locked", 0o755, 0)):
        directory = top / name
        directory.mkdir()
        for file, uid, bits in (("all", 0, 0o666), ("root", 0, 0o644), ("app", 1000, 0o644), ("team", 0, 0o664)):
            (directory / file).write_text("x")
            os.chown(directory / file, uid, 2000 if file == "team" else uid)
            (directory / file).chmod(bits)
        os.chown(directory, 0, gid)
        directory.chmod(mode)
    set_acl(top / "acl", ("owner", None, 7), ("user", 1002, 7), ("own-group", None, 0), ("group", 2000, 5), ("mask", None, 7),
            ("others", None, 0))
    set_acl(top / "acl/root", ("owner", None, 6), ("user", 1002, 7), ("own-group", None, 6), ("mask", None, 4),
            ("others", None, 6))
    for name, mode in (("prog", 0o755), ("theirs", 0o700), ("suid", 0o4755)):
        shutil.copy("/bin/true", top / name)
        (top / name).chmod(mode)
    os.mkfifo(top / "fifo", 0o666)
    (top / "fifo").chmod(0o622)
    os.mkdir(top / "empty")
    os.symlink("closed/root", top / "link")
    os.symlink("open/new", top / "dangling")
    os.symlink("loop", top / "loop")
    here = socket.socket(socket.AF_UNIX)
    here.bind(f"/proc/self/fd/{(directory_fd := os.open(top, os.O_PATH))}/sock")
    os.close(directory_fd)
    here.close()


PATHS = ["open", "open/all", "open/new", "closed/root", "closed/app", "closed/team", "closed/new", "closed", "private/all",
         "private/new", "private", "group/all", "group/new", "search/all", "search/new", "sticky/all", "sticky/app",
         "sticky/new", "acl/all", "acl/root", "acl/new", "prog", "theirs", "suid", "fifo", "sock", "empty", "link", "dangling",
         "loop", "none/a/b", "closed/root/below", "closed/../open/../closed/new", "."]


@pytest.fixture(scope="module")
def scratch_of_module():
    """As the fixture scratch, once for all tests that only look."""
    import tempfile
    path = pathlib.Path(tempfile.mkdtemp(prefix="rofuse-test.", dir=os.environ.get("ROFUSE_TEST_DIR", "/var/tmp")))
    path.chmod(0o755)
    yield path
    rofuse_test.unmount_below(path)
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def furnished(scratch_of_module):
    scratch = scratch_of_module
    layer, backing = scratch / "layer", scratch / "backing"
    for directory in (layer / "srv", layer / "dev", backing):
        directory.mkdir(parents=True)
    furnish(layer / "srv")
    furnish(backing)
    os.mknod(layer / "srv/null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    (layer / "top").write_text("x")
    # A file system that is read-only by itself.
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", backing], check=True)
    furnish(backing)
    subprocess.run(["mount", "-o", "remount,ro", backing], check=True)
    ro = scratch / "ro"
    ro.mkdir()
    furnish(ro)
    mount = rofuse_test.Mount(scratch, layers=[layer], tmpfs=["/tmp:exec,mode=1777", "/noexec", "/native:native,exec"],
                              volume=["data:/data", "nested:/data/nested", f"{ro}:/ro:ro", f"{backing}:/backing"])
    for top in ("/data", "/data/nested", "/tmp", "/native", "/noexec"):
        furnish(mount.path(top))
    yield mount
    mount.end()
    mount.check_daemon_output()


def perform(operation, path):
    """The system call of an operation; whatever is made is taken away again."""
    if operation == "create" and path.endswith("/"):
        path += "made"
    if operation in ("write", "truncate"):
        flags = os.O_WRONLY | os.O_NONBLOCK | (os.O_TRUNC if operation == "truncate" else 0)
        os.close(os.open(path, flags))
    elif operation == "create":
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o644))
        os.unlink(path)
    elif os.path.isdir(path) and not os.path.islink(path):
        os.rmdir(path)
    else:
        os.unlink(path)


def keep(path, operation):
    """Returns what makes again what is there now, after an operation on it."""
    found = os.lstat(path) if operation != "create" else None
    if operation == "create" or (operation == "write" and not stat.S_ISREG(found.st_mode)):
        return lambda: None
    if stat.S_ISLNK(found.st_mode):
        text = os.readlink(path)
        return lambda: os.path.lexists(path) or os.symlink(text, path)
    if stat.S_ISDIR(found.st_mode):
        return lambda: os.path.isdir(path) or (os.mkdir(path), os.chmod(path, stat.S_IMODE(found.st_mode)))
    if not stat.S_ISREG(found.st_mode):
        kept = path + ".kept"
        os.link(path, kept)
        return lambda: os.rename(kept, path) if not os.path.exists(path) else os.unlink(kept)
    content, attributes = pathlib.Path(path).read_bytes(), {name: os.getxattr(path, name) for name in os.listxattr(path)}

    def put_back():
        pathlib.Path(path).write_bytes(content)
        os.chown(path, found.st_uid, found.st_gid)
        os.chmod(path, stat.S_IMODE(found.st_mode))
        for name, value in attributes.items():
            os.setxattr(path, name, value)
    return put_back


def told(mount, user, item):
    """What a program of that user is told."""
    path = str(mount.point) + item["path"]
    if item["operation"] == "execute":
        return name_of(errno_of_exec(user, path))
    put_back = keep(path, item["operation"]) if item["errno"] is None else lambda: None
    found = name_of(errno_of(user, perform, item["operation"], path))
    put_back()
    return found


def fifo_without_reader(item, found):
    """A fifo may be opened for writing; without a reader, and without waiting, the kernel says so."""
    return found == "ENXIO" and item["path"].endswith("/fifo") and item["errno"] is None


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("top", [*FURNISHED, "/noexec"])
def test_verdicts_are_what_a_program_is_told(furnished, top, user):
    wrong = []
    with Control(furnished) as control:
        for path in [f"{top}/{name}" for name in PATHS] + [top]:
            answer = checked(control.result("why", path=path, **USERS[user].args()))
            assert answer["verdicts"], path
            for item in answer["verdicts"]:
                found = told(furnished, USERS[user], item)
                if found != item["errno"] and not fifo_without_reader(item, found):
                    wrong.append(f"{path}: {item['operation']} {item['path']}: {found}, but why says {item}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("user", USERS)
def test_verdicts_of_odd_places(furnished, user):
    """Made places, a device of the image, the root, a file in the root."""
    wrong = []
    for path in ("/etc/hosts", "/etc/new", "/dev/shm/new", "/proc", "/srv/null", "/", "/top", "/new", "/new/below", "/..",
                 "/srv/.wh.x", "/srv/" + "n" * 300):
        for item in why(furnished, path, USERS[user])["verdicts"]:
            found = told(furnished, USERS[user], item)
            if found != item["errno"]:
                wrong.append(f"{path}: {item['operation']}: {found}, but why says {item}")
    assert not wrong, "\n".join(wrong)
