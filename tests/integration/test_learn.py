"""Learn mode: what is not declared succeeds on a throw-away layer, is recorded once, and is gone at the end.

What a program sees is compared with a kernel overlayfs over the same layers; layers on disk must not change.
"""

import contextlib
import errno
import mmap
import os
import pathlib
import shutil
import stat
import subprocess
import sys
import threading
import time

import every_operation
import learning
import pytest
import rofuse_test
from denial_log import fingerprint
from learning import diff, rofuse_command

# Everything that a program does to a root, in sh; it is run in the root as working directory.
SCRIPT = r"""
set -e
cat > tmp/here <<END
a here-document
END
sed -i s/root/admin/ etc/passwd
mkdir -p srv/deep/er/still
echo text > srv/deep/er/still/file
mv usr/share usr/shared
echo more > usr/shared/doc/new
rm usr/shared/doc/old
rm -r opt/gone
mkdir opt/gone
echo again > opt/gone/file
chmod 600 etc/shadow
setfattr -n user.note -v hello etc/hosts.allow
ln etc/linked etc/another
echo changed >> etc/second
ln -s nowhere etc/symbolic
mkfifo run/pipe
cp -a bin/tool bin/copied
touch -d @1000000000 etc/motd
truncate -s 3 var/data
rm etc/rare
mv etc/issue etc/issue.net
"""


@pytest.fixture(name="layers")
def fixture_layers(scratch):
    return learning.make_layers(scratch)


@pytest.fixture(name="learn")
def fixture_learn(rofuse, layers):
    def start(*extra, **arguments):
        return rofuse(layers=layers, extra=["--learn", *extra], **arguments)
    return start


def run_script(root, script=SCRIPT):
    return subprocess.run(["sh", "-c", script], cwd=root, check=True, capture_output=True, text=True, timeout=60)


def describe(root, skip=()):
    """Every entry: type, mode, owner, content, number of links, what it is linked with, attributes."""
    found, inodes = {}, {}
    for base, directories, files in os.walk(root):
        for name in directories + files:
            path = pathlib.Path(base) / name
            inner = str(path.relative_to(root))
            if inner.split("/", maxsplit=1)[0] in skip or inner in skip:
                continue
            st = path.lstat()
            is_dir = stat.S_ISDIR(st.st_mode)
            content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
            attributes = {key: os.getxattr(path, key, follow_symlinks=False)
                          for key in os.listxattr(path, follow_symlinks=False) if not key.startswith("security.")}
            linked = inodes.setdefault(st.st_ino, inner)
            mtime = int(st.st_mtime) if inner == "etc/motd" else None
            found[inner] = (oct(st.st_mode), st.st_uid, st.st_gid, None if is_dir else st.st_nlink, linked, content,
                            attributes, mtime)
    return found


# What runtimes need is made in memory, and is in no layer.
MADE = ("proc", "sys", "dev", ".dockerenv", "etc/hosts", "etc/hostname", "etc/resolv.conf", "etc/mtab", "run/secrets",
        "run/.containerenv")


@pytest.fixture(name="reference")
def fixture_reference(scratch, layers):
    """A writable kernel overlayfs over the same layers, on a tmpfs as the throw-away layer is."""
    base, root = scratch / "upper", scratch / "reference"
    base.mkdir()
    root.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "upper", str(base)], check=True)
    (base / "up").mkdir()
    (base / "work").mkdir()
    lower = ":".join(str(layer) for layer in reversed(layers))
    words = f"lowerdir={lower},upperdir={base}/up,workdir={base}/work,index=on,redirect_dir=on,xino=on"
    subprocess.run(["mount", "-t", "overlay", "-o", words, "overlay", str(root)], check=True)
    yield root
    rofuse_test.unmount_below(root)
    rofuse_test.unmount_below(base)


def test_all_is_as_on_a_kernel_overlayfs(learn, layers, reference):
    before = [fingerprint(layer) for layer in layers]
    mount = learn()
    inside, outside = run_script(mount.point), run_script(reference)
    assert (inside.stdout, inside.stderr) == (outside.stdout, outside.stderr)
    expected = describe(reference)
    assert describe(mount.point, MADE) == expected
    # The same again for whoever comes with empty caches: nothing of it was the kernel's memory alone.
    pathlib.Path("/proc/sys/vm/drop_caches").write_text("2")
    again = {path: (*what[:3], *what[5:]) for path, what in describe(mount.point, MADE).items()}
    assert again == {path: (*what[:3], *what[5:]) for path, what in expected.items()}
    assert [fingerprint(layer) for layer in layers] == before
    assert mount.end() == 0
    assert [fingerprint(layer) for layer in layers] == before


def test_every_operation_is_as_on_a_kernel_overlayfs(learn, layers, reference):
    """What only a few programs do: ACLs, capabilities, exchanges, holes, mapped writes, names of unnamed files."""
    mount = learn()
    told = [subprocess.run([sys.executable, every_operation.__file__, str(root)], capture_output=True, text=True, check=True,
                           timeout=60).stdout.splitlines() for root in (mount.point, reference)]
    assert len(told[0]) == len(every_operation.OPERATIONS)
    assert told[0] == told[1]


def test_each_change_is_one_record_with_its_process(learn):
    mount = learn()
    run_script(mount.point)
    records = mount.records(at_least=30)
    assert all(record["learned"] and record["event"] == "denied" and record["errno"] == "EROFS" and
               record["why"] == "not-declared" for record in records)
    assert all(record["process"]["exe"] and record["process"]["pid"] for record in records)
    told = [(record["operation"], record["path"], record["target"]) for record in records]
    for expected in [("create", "/tmp/here", None), ("mkdir", "/srv/deep", None), ("mkdir", "/srv/deep/er/still", None),
                     ("create", "/srv/deep/er/still/file", None), ("rename", "/usr/share", "/usr/shared"),
                     ("unlink", "/usr/shared/doc/old", None), ("rmdir", "/opt/gone", None), ("chmod", "/etc/shadow", None),
                     ("setxattr", "/etc/hosts.allow", None), ("link", "/etc/another", "/etc/linked"),
                     ("open", "/etc/second", None), ("symlink", "/etc/symbolic", "nowhere"), ("mknod", "/run/pipe", None),
                     ("open", "/var/data", None), ("rename", "/etc/issue", "/etc/issue.net")]:
        if expected == ("open", "/etc/second", None):  # one file, which goes by any of its names
            assert sum(what in told for what in [expected, ("open", "/etc/linked", None), ("open", "/usr/shared/third", None),
                                                 ("open", "/etc/another", None)]) == 1
        else:
            assert told.count(expected) == 1, expected
    (seded,) = [record for record in records if record["operation"] == "rename" and record["target"] == "/etc/passwd"]
    assert seded["path"].startswith("/etc/sed") and seded["process"]["exe"].endswith("/sed")
    # Where it would have been refused: what the image has there.
    (made,) = [record for record in records if record["path"] == "/srv/deep/er"]
    assert made["held_by"]["layer"] == 0
    (opened,) = [record for record in records if record["path"] == "/etc/shadow"]
    assert opened["held_by"] == {"layer": 0, "directory": str(mount.args[mount.args.index("--layer") + 1])}
    assert f"; {len(records)} changes would have been refused; " in rofuse_command(mount, "status")


def test_a_file_without_a_name_is_not_told_of(learn):
    """As a shell does with a here-document: what it had been told of when it had a name, and / has nothing to do with it."""
    mount = learn()
    with open(mount.path("/tmp/gone"), "wb", buffering=0) as file:
        os.unlink(file.name)
        os.fchmod(file.fileno(), 0o400)
        os.utime(file.fileno())
        assert stat.S_IMODE(os.fstat(file.fileno()).st_mode) == 0o400
    os.mkdir(mount.path("/srv/last"))
    told = [(record["operation"], record["path"]) for record in mount.records(at_least=3)]
    assert told == [("create", "/tmp/gone"), ("unlink", "/tmp/gone"), ("mkdir", "/srv/last")]


def test_one_open_is_one_fact(learn):
    mount = learn()
    with open(mount.path("/var/log"), "wb", buffering=0) as file:
        for _ in range(50):
            file.write(b"line\n")
        os.ftruncate(file.fileno(), 10)
        os.posix_fallocate(file.fileno(), 0, 4096)
    assert [record["operation"] for record in mount.records(at_least=1)] == ["create"]
    assert mount.path("/var/log").stat().st_size == 4096


def test_declared_places_go_on(learn, scratch):
    mount = learn(tmpfs=["/run", "/opt/new"], volume=["data:/var"])
    assert mount.path("/var/data").read_bytes() == b"0123456789\n"  # filled from the image
    for place in ("/run", "/opt/new", "/var"):
        mount.path(f"{place}/file").write_text(place)
        with pytest.raises(OSError) as error:
            os.rename(mount.path(f"{place}/file"), mount.path("/etc/file"))
        assert error.value.errno == errno.EXDEV
        with pytest.raises(OSError) as error:
            os.rmdir(mount.path(place))
        assert error.value.errno == errno.EBUSY
    assert sorted(os.listdir(mount.path("/opt"))) == ["gone", "new"]
    assert mount.records() == []
    assert diff(mount)["changes"] == []
    assert mount.end() == 0
    assert (scratch / "state/volumes/data/_data/file").read_text() == "/var"


def test_open_files_and_programs(learn):
    """Copying up under whoever has the file open, mapped or is in it: nobody sees a stale handle or old bytes."""
    mount = learn()
    path = mount.path("/var/data")
    with open(path, "rb") as reader, open(path, "r+b", buffering=0) as writer:
        before = os.fstat(reader.fileno())
        mapping = mmap.mmap(reader.fileno(), 0, prot=mmap.PROT_READ)
        writer.write(b"ABC")
        assert os.pread(reader.fileno(), 5, 0) == b"ABC34" and mapping[:5] == b"ABC34"
        assert os.fstat(reader.fileno()).st_ino == before.st_ino == os.stat(path).st_ino
        os.rename(mount.path("/var"), mount.path("/moved"))
        assert os.pread(reader.fileno(), 5, 0) == b"ABC34" and os.fstat(reader.fileno()).st_ino == before.st_ino
        os.unlink(mount.path("/moved/data"))
        assert os.pread(reader.fileno(), 5, 0) == b"ABC34" and os.fstat(reader.fileno()).st_nlink == 0
    with subprocess.Popen(["sh", "-c", "cd usr/share/doc; exec 3<kept; echo; read line; read -r text <&3; echo $text; pwd -P; cat kept"],
                          cwd=mount.point, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        os.rename(mount.path("/usr/share"), mount.path("/usr/elsewhere"))
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("2")
        mount.path("/usr/elsewhere/doc/kept").write_text("new\n")
        told = process.communicate("\n", timeout=60)[0].split("\n")
    assert told[:3] == ["new", str(mount.path("/usr/elsewhere/doc")), "new"]
    # Names of one file, some of which overlayfs takes for another: what is written by one is read by all.
    names = [mount.path(name) for name in ("/etc/shadow", "/etc/shadow2", "/srv/shadow3")]
    os.chmod(names[0], 0o640)
    os.link(names[0], names[1])
    os.link(names[1], names[2])
    for turn, writer in enumerate(names + names):
        writer.write_text(f"turn {turn}")
        assert [name.read_text() for name in names] == [f"turn {turn}"] * 3
        assert {(name.stat().st_ino, name.stat().st_nlink) for name in names} == {(names[0].stat().st_ino, 3)}
        if turn == 2:
            pathlib.Path("/proc/sys/vm/drop_caches").write_text("2")
    shutil.copy("/bin/true", mount.path("/bin/program"))
    for _ in range(3):
        assert subprocess.run([mount.path("/bin/program")], check=False).returncode == 0
    pathlib.Path("/proc/sys/vm/drop_caches").write_text("2")
    assert subprocess.run([mount.path("/bin/program")], check=False).returncode == 0
    assert subprocess.run(["sh", "bin/tool"], cwd=mount.point, capture_output=True, check=True).stdout == b"tool\n"
    mount.path("/bin/tool").write_text("#!/bin/sh\necho other\n")
    assert subprocess.run(["sh", "bin/tool"], cwd=mount.point, capture_output=True, check=True).stdout == b"other\n"


def test_overlayfs_need_not_look_for_originals(learn, layers):
    """It would find them by file handles when memory is short, and then say ESTALE; see fs/copies.h."""
    mount = learn()
    mount.path("/etc/shadow").write_text("changed")
    with pytest.raises(OSError):
        os.rmdir(mount.path("/etc/motd"))
    os.rename(mount.path("/etc/motd"), mount.path("/etc/moved"))
    with open(mount.path("/etc/linked"), "a", encoding="utf-8"):
        pass
    descriptors = pathlib.Path(f"/proc/{mount.process.pid}/fd")
    uppers = []
    for fd in descriptors.iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            uppers += [fd] if os.readlink(fd) == "/upper" else []
    (upper,) = uppers
    assert "trusted.overlay.origin" not in os.listxattr(upper / "etc/shadow") + os.listxattr(upper / "etc/moved")
    # One with several names is held instead, so that they go on being one file.
    (copy,) = [path for path in (upper / "etc").iterdir() if path.name in ("linked", "second")] or [upper / "usr/share/third"]
    assert "trusted.overlay.origin" in os.listxattr(copy)

    def held():
        others, count = {layers[0].stat().st_dev, upper.stat().st_dev}, 0
        for fd in descriptors.iterdir():
            with contextlib.suppress(OSError):
                count += os.readlink(fd).endswith(f"/{copy.name}") and fd.stat().st_dev not in others
        return count

    rofuse_test.wait_until(lambda: held() == 1, "one descriptor of it")
    for name in ("/etc/linked", "/etc/second", "/usr/share/third"):
        mount.path(name).unlink()
    rofuse_test.wait_until(lambda: held() == 0, "its end with the last name")


def as_user(uid, call):
    """Runs a function as an ordinary user in a child; returns the errno."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        result = 0
        try:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            call()
        except OSError as error:
            result = error.errno
        finally:
            os.write(writer, bytes([result]))
            os._exit(0)
    os.close(writer)
    result = os.read(reader, 1)[0]
    os.close(reader)
    os.waitpid(child, 0)
    return result


def test_mode_bits_still_refuse(learn, scratch):
    os.chmod(scratch, 0o755)
    mount = learn()
    assert as_user(1234, lambda: mount.path("/etc/passwd").write_text("x")) == errno.EACCES
    assert as_user(1234, lambda: mount.path("/etc/new").write_text("x")) == errno.EACCES
    assert as_user(1234, lambda: mount.path("/srv/new").mkdir()) == errno.EACCES
    assert as_user(1234, lambda: mount.path("/etc/shadow").chmod(0o777)) == errno.EPERM
    assert as_user(1234, lambda: mount.path("/tmp/mine").write_text("x")) == 0
    assert as_user(1000, lambda: mount.path("/etc/motd").write_text("x")) == 0
    assert mount.path("/tmp/mine").stat().st_uid == 1234
    records = mount.records(at_least=4)
    assert [record["path"] for record in records if record.get("learned")] == ["/tmp/mine", "/etc/motd"]
    assert {record["why"] for record in records if not record.get("learned")} == {"permission"}


def test_diff(learn):
    mount = learn()
    assert diff(mount) == {"schema": "rofuse.learn/1", "mount": mount.point.name, "learning": True, "bytes": 0,
                           "size": diff(mount)["size"], "used": 0, "complete": True, "changes": []}
    run_script(mount.point)
    with open(mount.path("/usr/shared/doc/kept"), "r+b"):
        pass
    os.chmod(mount.path("/opt"), 0o700)
    mount.path(b"etc/caf\xe9".decode("utf-8", "surrogateescape")).write_text("")
    found = {change["path"]: change for change in diff(mount)["changes"]}
    kinds = {path: change["kind"] for path, change in found.items()}
    assert kinds == {"/tmp/here": "added", "/etc/passwd": "changed", "/srv/deep": "added", "/usr/shared": "renamed",
                     "/usr/shared/doc/new": "added", "/usr/shared/doc/old": "removed", "/opt/gone": "changed",
                     "/etc/shadow": "attributes", "/etc/hosts.allow": "opened", "/etc/another": "added", "/etc/linked": kinds.get("/etc/linked"),
                     "/etc/second": kinds.get("/etc/second"), "/etc/symbolic": "added", "/run/pipe": "added", "/bin/copied": "added",
                     "/etc/motd": "attributes", "/var/data": "changed", "/etc/rare": "removed", "/etc/issue.net": "renamed",
                     "/usr/shared/doc/kept": "opened", "/opt": "attributes", "/etc/caf\\xe9": "added"}
    assert found["/srv/deep"]["entries"] == 3 and found["/srv/deep"]["size"] == 5 and found["/srv/deep"]["type"] == "directory"
    assert found["/usr/shared"]["from"] == "/usr/share"
    assert found["/etc/caf\\xe9"]["path_bytes"] == "L2V0Yy9jYWbp"
    assert found["/etc/shadow"]["mode"] == "0600" and found["/tmp/here"]["size"] == 16
    text = rofuse_command(mount, "learn", "diff")
    assert "renamed" in text and "/usr/shared (was /usr/share)" in text and "/srv/deep (3 in it)" in text


def test_switched_while_it_is_used(rofuse, layers):
    """On and off under a program that stands in a directory and has files open, with something mounted below."""
    mount = rofuse(layers=layers, tmpfs=["/run", "/opt/new"])
    inner = mount.path("/srv")
    subprocess.run(["mount", "-t", "tmpfs", "inner", str(inner)], check=True)
    (inner / "below").write_text("mounted")
    mount.path("/run/kept").write_text("kept")
    script = ("cd usr/share/doc; exec 3<kept; while read -r word; do case $word in read) read -r text <&3; echo \"$text\";; "
              "*) (echo $word > word) 2>/dev/null && cat word || echo refused;; esac; done")
    with subprocess.Popen(["sh", "-c", script], cwd=mount.point, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        def ask(word):
            process.stdin.write(word + "\n")
            process.stdin.flush()
            return process.stdout.readline().strip()

        def check_kept():
            assert (inner / "below").read_text() == "mounted" and os.path.ismount(inner)
            assert mount.path("/run/kept").read_text() == "kept"
            assert not mount.path("/nothing").exists()

        for turn in range(3):
            assert ask(f"no{turn}") == "refused"
            assert rofuse_command(mount, "learn", "on") == "learn mode is on\n"
            check_kept()
            assert ask(f"yes{turn}") == f"yes{turn}"
            assert mount.path("/usr/share/doc/word").read_text() == f"yes{turn}\n"
            mount.path("/etc/passwd").write_text("learned")
            mount.path("/etc/rare").unlink()
            os.rename(mount.path("/opt/gone"), mount.path("/opt/renamed"))
            mount.path("/added").mkdir()
            mount.path("/added/file").write_text("added")
            assert not mount.path("/etc/nothing").exists() and not mount.path("/etc/rare").exists()
            held = open(mount.path("/added/file"), encoding="utf-8")
            assert len(diff(mount)["changes"]) == 5, turn
            assert rofuse_command(mount, "learn", "off") == "learn mode is off\n"
            check_kept()
            assert held.read() == "added"  # until it is closed
            held.close()
            assert not mount.path("/added").exists() and not mount.path("/opt/renamed").exists()
            assert mount.path("/etc/rare").read_text() == "rare\n" and mount.path("/opt/gone/sub/file").read_text() == "gone\n"
            assert mount.path("/etc/passwd").read_text() == "root:x:0:0:of the top layer\n"
            assert not mount.path("/usr/share/doc/word").exists()
        assert ask("read") == "kept"
        process.stdin.close()
    assert "learn mode is off" in rofuse_command(mount, "learn", "diff")
    assert rofuse_command(mount, "learn", "off") == "learn mode is off already\n"
    assert diff(mount) == {"schema": "rofuse.learn/1", "mount": mount.point.name, "learning": False, "bytes": 0, "complete": True,
                           "changes": []}
    denied = [record for record in mount.records() if not record.get("learned")]
    assert [record["path"] for record in denied] == ["/usr/share/doc/word"] * 3


def test_layers_are_let_go(rofuse, layers):
    """Connections, threads and memory of a throw-away layer end with it."""
    mount = rofuse(layers=layers)

    def connections():
        base, count = pathlib.Path(f"/proc/{mount.process.pid}/fd"), 0
        for fd in base.iterdir():
            with contextlib.suppress(OSError):
                count += os.readlink(fd) == "/dev/fuse"
        return count

    for _ in range(5):
        rofuse_command(mount, "learn", "on")
        mount.path("/etc/new").write_text("x" * 100000)
        with open(mount.path("/etc/second"), "a", encoding="utf-8"):  # one that is held open for its names' sake
            pass
        rofuse_command(mount, "learn", "off")
    # What has ended is freed at the next turn.
    rofuse_test.wait_until(lambda: rofuse_command(mount, "learn", "off") and connections() == 1, "the end of all layers")


def test_started_with_it_and_switched_off(learn):
    mount = learn(tmpfs=["/run"])
    mount.path("/run/kept").write_text("kept")
    mount.path("/srv/file").write_text("gone")
    os.chdir(mount.path("/etc"))
    try:
        rofuse_command(mount, "learn", "off")
        with pytest.raises(OSError) as error:
            open("passwd", "a", encoding="utf-8")  # noqa: SIM115
        assert error.value.errno == errno.EROFS
    finally:
        os.chdir("/")
    assert not mount.path("/srv/file").exists() and mount.path("/run/kept").read_text() == "kept"


def test_many_at_once(learn):
    """Threads that make, rename, link and remove in shared directories: each sees its own files right, all the time."""
    mount = learn(fold=10)
    failures = []

    def work(number):
        try:
            for turn in range(40):
                own, shared = mount.path(f"/srv/{number}.{turn}"), mount.path(f"/usr/share/doc/{number}")
                own.mkdir()
                (own / "a").write_text(f"{number} {turn}")
                os.rename(own / "a", shared)
                assert shared.read_text() == f"{number} {turn}"
                os.link(shared, own / "b")
                shared.unlink()
                assert (own / "b").read_text() == f"{number} {turn}" and (own / "b").stat().st_nlink == 1
                (own / "b").unlink()
                own.rmdir()
                assert mount.path("/usr/share/doc/kept").read_text() == "kept\n"
        except Exception as error:  # pylint: disable=broad-except
            failures.append((number, repr(error)))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for turn in range(5):
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("2")
        time.sleep(0.05)
    for thread in threads:
        thread.join()
    assert not failures
    assert os.listdir(mount.path("/srv")) == [] and sorted(os.listdir(mount.path("/usr/share/doc"))) == ["kept", "old", "top"]


def test_flood(learn):
    mount = learn(fold=60)
    for number in range(3000):
        mount.path(f"/tmp/{number % 10}").write_text("x")
    assert len(os.listdir(mount.path("/tmp"))) == 10
    assert mount.end() == 0
    events = mount.events()
    assert sum(event["count"] for event in events if event["event"] == "folded") + \
        sum(event["event"] == "denied" for event in events) >= 3000


def test_what_was_written_and_executed_is_told(learn):
    """A place for it must allow that; of the image's own programs nothing is told."""
    mount = learn()
    tool, copied = mount.path("/bin/tool"), mount.path("/tmp/copied")
    shutil.copy("/bin/true", copied)
    subprocess.run([copied], check=True)
    before = [record for record in mount.records(at_least=1) if record["operation"] == "exec"]
    assert [record["path"] for record in before] == ["/tmp/copied"] and before[0]["learned"] is True
    tool.stat()
    subprocess.run([mount.path("/bin/tool")], check=False)
    tool.chmod(0o700)
    subprocess.run([tool], check=False)
    executed = [record["path"] for record in mount.records(at_least=4) if record["operation"] == "exec"]
    assert executed == ["/tmp/copied", "/bin/tool"]
