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
import image_files
import pytest
import rofuse_test
from why_asked import ROOT, checked, verdict, why

APP, MEMBER, NAMED = User(1000, 1000, (1000,)), User(1001, 1001, (2000,)), User(1002, 1002, ())
USERS = {"root": ROOT, "app": APP, "member": MEMBER, "named": NAMED}

# Below each of these lies the same tree (furnish()).
FURNISHED = ("/srv", "/data", "/ro", "/tmp", "/backing", "/native")


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
    for top in ("/data", "/tmp", "/native", "/noexec"):
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


def test_verdicts_of_what_chattr_has_marked(furnished):
    """Which the kernel does not know of a FUSE mount; the backing file system refuses."""
    top = furnished.path("data/marked")
    for name in ("i-dir", "a-dir", "dir"):
        (top / name).mkdir(parents=True)
        for file in ("i-file", "a-file", "file"):
            (top / name / file).write_text("x")
    marked = [(top / name, f"+{name.split('/')[-1][0]}") for name in ("dir/i-file", "dir/a-file", "i-dir", "a-dir")]
    for path, mark in marked:
        if subprocess.run(["chattr", mark, path], check=False, capture_output=True).returncode != 0:
            pytest.skip("no chattr on this file system")
    try:
        wrong, n_marked = [], 0
        for name in ("dir/i-file", "dir/a-file", "dir/file", "i-dir/file", "i-dir/new", "i-dir", "a-dir/file", "a-dir"):
            for item in checked(why(furnished, f"/data/marked/{name}"))["verdicts"]:
                if item["errno"] is None and (item["operation"] == "remove" or name == "a-dir"):
                    continue  # what is made in a-dir could not be taken away
                found = told(furnished, ROOT, item)
                n_marked += item["reason"] == "marked"
                if found != item["errno"]:
                    wrong.append(f"{name}: {item['operation']}: {found}, but why says {item}")
        assert not wrong, "\n".join(wrong)
        assert n_marked >= 9
    finally:
        for path, mark in marked:
            subprocess.run(["chattr", mark.replace("+", "-"), path], check=True)
        shutil.rmtree(top)


@pytest.mark.parametrize("user", USERS)
def test_verdicts_of_odd_places(furnished, user):
    """Made places, a device of the image, the root, a file in the root."""
    wrong = []
    for path in ("/etc/hosts", "/etc/new", "/dev/shm/new", "/proc", "/srv/null", "/", "/top", "/new", "/new/below", "/..",
                 "/srv/.wh.x", "/srv/" + "n" * 300, "/data/nested", "/data/nested/new", "/native"):
        for item in why(furnished, path, USERS[user])["verdicts"]:
            found = told(furnished, USERS[user], item)
            if found != item["errno"]:
                wrong.append(f"{path}: {item['operation']}: {found}, but why says {item}")
    assert not wrong, "\n".join(wrong)


def test_in_learn_mode(scratch, rofuse):
    """Declared places are what they are; elsewhere what succeeds does so by learn mode alone."""
    layer = scratch / "layer"
    (layer / "srv").mkdir(parents=True)
    furnish(layer / "srv")
    mount = rofuse(layers=[layer], tmpfs=["/tmp:exec,mode=1777", "/noexec"], volume=["data:/data"])
    for top in ("/tmp", "/data", "/noexec"):
        furnish(mount.path(top))
    with Control(mount) as control:
        control.result("learn.on")
    wrong = []
    for user in USERS.values():
        for path in [f"{top}/{name}" for name in PATHS for top in ("/srv", "/data", "/tmp")] + ["/etc/new", "/new/below", "/noexec/prog"]:
            for item in why(mount, path, user)["verdicts"]:
                found = told(mount, user, item)
                if found != item["errno"] and not fifo_without_reader(item, found):
                    wrong.append(f"{path}: {item['operation']}: {found}, but why says {item}")
    assert not wrong, "\n".join(wrong)
    answer = why(mount, "/srv/open/new")
    assert answer["held_by"] == {"image": True, "learning": True}
    assert answer["declare"] == ["--tmpfs /srv/open:tmpcopyup", "-v NAME:/srv/open"]
    assert (answer["verdicts"][0]["errno"], answer["verdicts"][0]["reason"]) == (None, "learned")
    assert "--tmpfs /srv/open:tmpcopyup" in answer["verdicts"][0]["message"]
    assert why(mount, "/data/open/new")["held_by"]["route"] == "/data"
    assert why(mount, "/data/open/new")["verdicts"][0]["reason"] == "allowed"
    with Control(mount) as control:
        control.result("learn.off")
    assert why(mount, "/srv/open/new")["verdicts"][0]["reason"] == "not-declared"
    assert why(mount, "/data/open/new")["held_by"]["route"] == "/data"


def test_permission_names_what_decides(furnished):
    """Owner, group, others, an entry of the ACL under its mask; a directory on the way."""
    for path, user, expected in (
            ("/data/closed/root", APP, ("/data/closed/root", "others", None, "r--", "-w-")),
            ("/data/closed/app", User(1001, 1000), ("/data/closed/app", "group", 1000, "r--", "-w-")),
            ("/data/acl/root", NAMED, ("/data/acl/root", "named-user", 1002, "r--", "-w-")),
            ("/data/acl/new", MEMBER, ("/data/acl", "named-group", 2000, "r-x", "-wx")),
            ("/srv/private/all", APP, ("/srv/private", "others", None, "---", "--x"))):
        item = why(furnished, path, user)["verdicts"][0]
        found = item["permission"]
        assert (found["path"], found["rule"], found["id"], found["allows"], found["needed"]) == expected, path
        assert item["errno"] == "EACCES"
        assert expected[0] in item["message"] and expected[3] in item["message"] and expected[4] in item["message"]
    listed = why(furnished, "/data/acl/root")["permissions"]["acl"]
    assert {"entry": "user", "id": 1002, "allows": "rwx"} in listed
    assert {"entry": "mask", "id": None, "allows": "r--"} in listed


def test_place_and_declaration(furnished):
    """Which route it is, or none; and what would have to be declared."""
    answer = why(furnished, "/ro/closed/new")
    assert answer["held_by"]["route"] == "/ro" and answer["held_by"]["options"] == "ro"
    assert answer["verdicts"][0]["reason"] == "declared-read-only"
    assert f"-v {answer['held_by']['source']}:/ro would" in answer["verdicts"][0]["message"]
    assert answer["declare"] == []
    assert why(furnished, "/backing/open/new")["verdicts"][0]["reason"] == "backing-read-only"
    assert why(furnished, "/data/nested/x")["held_by"]["route"] == "/data/nested"
    assert why(furnished, "/native/x")["held_by"]["native"]
    assert why(furnished, "/etc/hosts")["held_by"] == {"made": True}
    assert verdict(why(furnished, "/noexec/prog"), "execute")["reason"] == "declared-noexec"
    for path, place in (("/srv/open/a/b/c", "/srv/open:tmpcopyup"), ("/srv/empty/x", "/srv/empty"), ("/new/below", "/new"),
                        ("/srv/open", "/srv/open:tmpcopyup")):
        answer = why(furnished, path)
        assert answer["held_by"] == {"image": True}
        assert answer["declare"] == [f"--tmpfs {place}", f"-v NAME:{place.removesuffix(':tmpcopyup')}"]
        assert f"--tmpfs {place} or" in answer["verdicts"][-1 if path.startswith("/new") else 0]["message"] \
            or answer["verdicts"][0]["reason"] == "missing"
    assert why(furnished, "/top")["declare"] == ["-v ./FILE:/top"]
    assert why(furnished, "/")["declare"] == []


def test_missing_component(furnished):
    """What is missing is named, and both what the path hears and what the missing component would."""
    answer = why(furnished, "/data/open/a/b/c")
    assert (answer["exists"], answer["errno"], answer["stopped_at"]) == (False, "ENOENT", "/data/open/a")
    assert answer["deepest_directory"] == "/data/open"
    assert [(item["operation"], item["path"], item["errno"]) for item in answer["verdicts"]] == [
        ("create", "/data/open/a/b/c", "ENOENT"), ("create", "/data/open/a", None)]
    answer = why(furnished, "/srv/closed/root/x")
    assert (answer["errno"], answer["stopped_at"]) == ("ENOTDIR", "/srv/closed/root")
    assert why(furnished, "/srv/loop")["errno"] == "ELOOP"
    assert why(furnished, "/" + "d/" * 3000)["errno"] == "ENAMETOOLONG"


def test_links(furnished):
    """Those that were followed, in their order; a link's removal is its own."""
    answer = why(furnished, "/data/link")
    assert answer["links"] == [{"path": "/data/link", "target": "closed/root"}]
    assert answer["resolved"] == "/data/closed/root"
    assert verdict(answer, "remove")["path"] == "/data/link"
    assert verdict(answer, "write")["path"] == "/data/closed/root"
    answer = why(furnished, "/srv/dangling")
    assert (answer["exists"], answer["resolved"]) == (False, "/srv/open/new")
    assert [item["path"] for item in answer["verdicts"]] == ["/srv/open/new", "/srv/dangling"]


def command(mount, *words):
    return subprocess.run([rofuse_test.BINARY, "why", "--state-dir", mount.state, *words], capture_output=True, text=True,
                          check=False, timeout=60)


def test_command(scratch, rofuse):
    """Names of users are the image's; a path of the host is one inside; text for people."""
    layer = scratch / "layer"
    (layer / "etc").mkdir(parents=True)
    (layer / "etc/passwd").write_text("root:x:0:0::/:\napp:x:1000:1000::/:\n")
    (layer / "etc/group").write_text("app:x:1000:\nstaff:x:2000:app\n")
    (layer / "team").mkdir()
    os.chown(layer / "team", 0, 2000)
    (layer / "team").chmod(0o775)
    mount = rofuse(layers=[layer])
    done = command(mount, "--json", "--user", "app", "/team/x")
    answer = checked(json.loads(done.stdout))
    assert (answer["user"]["name"], answer["user"]["uid"], answer["user"]["groups"]) == ("app", 1000, [1000, 2000])
    assert answer["mountpoint"] == str(mount.point)
    for words in (("/etc/passwd",), (str(mount.path("/etc/passwd")),), (str(mount.point), "/etc/passwd"),
                  (mount.point.name, "/etc/./passwd")):
        text = command(mount, *words)
        assert text.returncode == 0 and "write    /etc/passwd: EROFS\n" in text.stdout, text
        assert "--tmpfs /etc:tmpcopyup" in text.stdout
    here = subprocess.run([rofuse_test.BINARY, "why", "--state-dir", mount.state, "passwd"], capture_output=True, text=True,
                          check=True, cwd=mount.path("/etc"), timeout=60)
    assert here.stdout.startswith("/etc/passwd\n")
    for words, status, said in ((("--user", "nobody-here", "/etc"), 1, "nobody-here"), (("relative",), 2, "/relative"),
                                ((), 2, "give a path"), ((mount.point.name,), 2, f"rofuse why {mount.point.name} /PATH"),
                                (("/not/a/mount", "/etc"), 1, "/not/a/mount")):
        done = command(mount, *words)
        assert done.returncode == status and said in done.stderr and done.stderr.count("\n") == 1, done


def test_command_prints_names_safely(scratch, rofuse):
    layer = scratch / "layer"
    layer.mkdir()
    name = b"\x1b[31m\xff\n"
    with open(os.path.join(os.fsencode(layer), name), "wb"):
        pass
    mount = rofuse(layers=[layer])
    done = subprocess.run([rofuse_test.BINARY, "why", "--state-dir", mount.state, b"/" + name], capture_output=True, check=True,
                          timeout=60)
    assert b"\x1b" not in done.stdout and b"\\x1b[31m\\xff\\x0a" in done.stdout and b"exists" not in done.stdout
    assert b"write    " in done.stdout


def test_bad_arguments(furnished):
    """What is asked for wrongly is said to be so, and the daemon goes on."""
    with Control(furnished) as control:
        for args in ({}, {"path": 3}, {"path": "etc"}, {"path": "/", "uid": -1}, {"path": "/", "uid": "root"},
                     {"path": "/", "gid": 4294967295}, {"path": "/", "groups": 7}, {"path": "/", "groups": [None]},
                     {"path": "/", "path_bytes": "!!"}):
            answer = control.ask("why", **args)
            assert not answer["ok"] and answer["error"]["status"] == 2, args
        assert control.result("why", path="/")["exists"]


def test_image_that_is_not_mounted(scratch):
    """By its layers, and by its name in the store, where a layer has a digest."""
    bottom, top = scratch / "bottom", scratch / "top"
    for layer in (bottom, top):
        (layer / "etc").mkdir(parents=True)
    (bottom / "etc/passwd").write_text("nobody:x:1:1::/:\n")
    (top / "etc/passwd").write_text("app:x:1000:1000::/:\n")
    (bottom / "etc/gone").touch()
    (top / "etc/.wh.gone").touch()
    words = [rofuse_test.BINARY, "why", "--json", "--state-dir", scratch / "state"]
    both = ["--layer", bottom, "--layer", top]
    done = subprocess.run([*words, *both, "--user", "app", "/etc/gone"], capture_output=True, text=True, check=True, timeout=60)
    answer = checked(json.loads(done.stdout))
    assert answer["layers"][0]["hidden_by"] == {"form": "whiteout-file", "path": "/etc/gone", "layer": 1}
    assert answer["user"]["name"] == "app" and answer["verdicts"][0]["errno"] == "EROFS"
    image_files.layout(scratch / "oci", [image_files.tar([image_files.entry("file")])])
    done = subprocess.run([*words, "--image", f"oci:{scratch}/oci", "/file"], capture_output=True, text=True, check=True,
                          timeout=60)
    answer = checked(json.loads(done.stdout))
    digest = answer["layers"][0]["digest"]
    assert digest.startswith("sha256:") and digest[7:] in answer["layers"][0]["directory"]
    for more, status in ((["--user", "nobody", "/"], 1), (["/", "/etc"], 2), (["etc"], 2), (["--layer", "/not/there", "/"], 1)):
        done = subprocess.run([*words, *both, *more], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == status and done.stderr.count("\n") == 1, done
