"""Real programs under strace: every EROFS that strace saw is in the log, with its thread, and nothing else is."""

import collections
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import textwrap

import pytest
from denial_log import Log, validate

PYTHON = "/usr/bin/python3"

# What a system call that failed with EROFS is in the log. open: by its flags.
OPERATIONS = {
    "mkdir": {"mkdir"}, "mkdirat": {"mkdir"}, "mknod": {"mknod"}, "mknodat": {"mknod"}, "bind": {"mknod"},
    "symlink": {"symlink"}, "symlinkat": {"symlink"}, "link": {"link"}, "linkat": {"link"},
    "unlink": {"unlink"}, "rmdir": {"rmdir"}, "unlinkat": {"unlink", "rmdir"},
    "rename": {"rename"}, "renameat": {"rename"}, "renameat2": {"rename"},
    "truncate": {"truncate"}, "ftruncate": {"truncate"}, "chmod": {"chmod"}, "fchmod": {"chmod"}, "fchmodat": {"chmod"},
    "fchmodat2": {"chmod"}, "chown": {"chown"}, "lchown": {"chown"}, "fchown": {"chown"}, "fchownat": {"chown"},
    "utime": {"utimes"}, "utimes": {"utimes"}, "futimesat": {"utimes"}, "utimensat": {"utimes"},
    "setxattr": {"setxattr"}, "lsetxattr": {"setxattr"}, "fsetxattr": {"setxattr"},
    "removexattr": {"removexattr"}, "lremovexattr": {"removexattr"}, "fremovexattr": {"removexattr"},
    "ioctl": {"setflags"}, "open": {"open", "create", "tmpfile"}, "openat": {"open", "create", "tmpfile"},
    "openat2": {"open", "create", "tmpfile"}, "creat": {"open", "create"}, "execve": {"exec"},
}

RESULT = re.compile(r"^(\d+) +(\w+)\((.*)\) += -1 (E[A-Z0-9]+) \(")
UNFINISHED = re.compile(r"^(\d+) +(\w+)\((.*) <unfinished \.\.\.>$")
RESUMED = re.compile(r"^(\d+) +<\.\.\. (\w+) resumed>(.*)$")

Failure = collections.namedtuple("Failure", "tid call arguments errno")


def parse(text):
    """The calls that failed, in the order in which they ended."""
    begun, failures = {}, []
    for line in text.splitlines():
        match = UNFINISHED.match(line)
        if match:
            begun[match[1]] = (match[2], match[3])
            continue
        match = RESUMED.match(line)
        if match:
            name, arguments = begun.pop(match[1])
            assert name == match[2], line
            line = f"{match[1]} {name}({arguments}{match[3]}"
        match = RESULT.match(line)
        if match:
            failures.append(Failure(int(match[1]), match[2], match[3], match[4]))
    return failures


def fits(failure, record):
    """Whether a record can be this failed call's: the errno, the kind of operation, and the name in its arguments."""
    if failure.errno != record["errno"] or record["operation"] not in OPERATIONS.get(failure.call, ()):
        return False
    name = os.path.basename(record["path"])
    if failure.call in ("openat", "open", "creat", "openat2"):
        if (record["operation"] == "tmpfile") != ("O_TMPFILE" in failure.arguments):
            return False
        if record["operation"] == "create" and "O_CREAT" not in failure.arguments and failure.call != "creat":
            return False
    if failure.call == "unlinkat" and (record["operation"] == "rmdir") != ("AT_REMOVEDIR" in failure.arguments):
        return False
    if record.get("name_unknown"):  # path is the directory; documented for what has two names
        return record["operation"] in ("rename", "link")
    if name == "file" and '"link"' in failure.arguments:  # the symbolic link of the tree that is written through
        return True
    return name in failure.arguments


def compare(failures, records):
    """One thread's failed calls and records: each EROFS has its record, in order, and no record has no call."""
    problems, rest = [], list(records)
    for failure in failures:
        found = next((place for place, record in enumerate(rest) if fits(failure, record)), None)
        if failure.errno != "EROFS":
            if found == 0:
                rest.pop(0)
        elif found is None:
            problems.append(f"strace saw {failure.call}({failure.arguments[:200]}) = EROFS, the log has no such thing")
        else:
            problems += [f"the log has {describe(record)}, strace saw no such thing" for record in rest[:found]]
            rest = rest[found + 1:]
    return problems + [f"the log has {describe(record)}, strace saw no such thing" for record in rest]


def describe(record):
    return " ".join(map(str, (record["process"]["tid"], record["operation"], record["path"], record["errno"])))


def shell(text):
    return ["sh", "-c", textwrap.dedent(text)]


def bash(text):
    return ["bash", "-c", textwrap.dedent(text)]


def python(text):
    return [PYTHON, "-c", textwrap.dedent(text)]


THREADS = """
    import os, threading
    barrier = threading.Barrier(6)
    def work(number):
        barrier.wait()
        for turn in range(15):
            for change in (lambda: os.mkdir(f"t{number}-{turn}"), lambda: open("file", "r+"), lambda: os.unlink("file"),
                           lambda: os.chmod("dir", 0o700), lambda: open(f"n{number}-{turn}", "w"),
                           lambda: open("file").close()):
                try:
                    change()
                except OSError:
                    pass
    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    """

FORKS = """
    import os
    for number in range(5):
        if os.fork() == 0:
            for turn in range(10):
                try: os.mkdir(f"f{number}-{turn}")
                except OSError: pass
            os._exit(0)
    while True:
        try: os.wait()
        except ChildProcessError: break
    """

TEMPORARY = """
    import sys, tempfile, os
    for make in (lambda: tempfile.TemporaryFile(dir="."), lambda: tempfile.NamedTemporaryFile(dir="dir"),
                 lambda: tempfile.mkdtemp(dir=".")):
        try: make()
        except OSError: pass
    sys.path.insert(0, os.getcwd())
    import package.module
    """

EVERYTHING = """
    import ctypes, fcntl, os, socket, struct
    def flags():
        fcntl.ioctl(os.open("file", os.O_RDONLY), 0x40086602, struct.pack("l", 0x40))
    def bind():
        socket.socket(socket.AF_UNIX).bind("newsock")
    fd = os.open("file", os.O_RDONLY)
    here = os.open("dir", os.O_RDONLY | os.O_DIRECTORY)
    libc = ctypes.CDLL(None)
    libc.creat(b"newcreat", 0o600)
    libc.mkdir(b"newmkdir", 0o600)
    for change in (flags, bind, lambda: os.fchmod(fd, 0o600), lambda: os.fchown(fd, 1, 1), lambda: os.utime(fd),
                   lambda: os.setxattr(fd, "user.x", b"1"), lambda: os.setxattr("dir", "user.x", b"1"),
                   lambda: os.removexattr("file", "user.a"), lambda: os.open("dir", os.O_TMPFILE | os.O_RDWR, 0o600),
                   lambda: os.mkfifo("newfifo"), lambda: os.truncate("file", 1), lambda: os.open("file", os.O_TRUNC),
                   lambda: os.mkdir("newdir", dir_fd=here), lambda: os.unlink("child", dir_fd=here),
                   lambda: os.rename("child", "newchild", src_dir_fd=here, dst_dir_fd=here),
                   lambda: os.link("file", "newlink"), lambda: os.symlink("x", "newsymlink"), lambda: os.rmdir("empty"),
                   lambda: os.open("file", os.O_RDWR | os.O_APPEND), lambda: os.lchown("link", 1, 1)):
        try: change()
        except OSError: pass
    """

PROGRAMS = {
    "redirections": shell("""
        (echo a > new); (echo b >> file); (true > file); (true 2> dir/errors); (true <> file); (: >| link)
        cat < file > dir/copy; set -C; (echo a > file); echo done"""),
    "bash": bash("""
        echo a > new; echo b >> file; cat <<< text > dir/here; exec 5>> file; read x < file; [ -w file ]; echo done"""),
    "touch": shell("touch new file dir dir/child; touch -c file; touch -d 2001-01-01 file; touch -r dir file; "
                   "touch -h link"),
    "mkdir": shell("mkdir new; mkdir -p a/b/c; mkdir -p dir/sub; mkdir -m 700 dir/new; mkdir dir"),
    "cp": shell("cp -a dir newdir; cp file newfile; cp file dir/child; cp -f dir/child file; "
                "cp --remove-destination file dir/child; cp -l file newlink; "
                "install -m 755 file installed; cp -a link newlink"),
    "sed": shell("sed -i s/a/b/ file; sed -i.old s/a/b/ dir/child; perl -i -pe s/a/b/ file || true"),
    "python": python(TEMPORARY),
    "threads": python(THREADS),
    "forks": python(FORKS),
    "everything": python(EVERYTHING),
    "tar": ["tar", "xf", "ARCHIVE"],
    "git": ["git", "init", "repository"],
    "git-here": ["git", "init", "."],
    # A stranger's chmod and chown are EPERM from the kernel itself; mkdir is not.
    "modes": shell("mkdir new; chmod 600 file; chmod -R u+w dir; chown 1:1 file; chgrp 1 dir; chown -h 1 link; "
                   "chown -R 1 dir"),
    "links": shell("ln file hard; ln -s file soft; ln -sf other link; ln -f file dir/child"),
    "mv": shell("mv file new; mv file dir/; mv -f dir newdir; mv -n file dir/child; mv file dir/child"),
    "rm": shell("rm -f file; rm -rf dir; rmdir empty; rm link; unlink file; rm -f missing"),
    "others": shell("truncate -s 3 file; dd if=/dev/zero of=newdd count=1; "
                    "dd if=/dev/zero of=file conv=notrunc count=1; "
                    "mkfifo fifo; mktemp -p .; mktemp -d -p dir; split -b 2 file part; tee -a file < /dev/null; "
                    "setfattr -n user.x -v 1 file; setfacl -m u:1:r file; chattr +A file; sort -o file file; "
                    "patch file /dev/null"),
    "into a route": shell("cp -a dir ROUTE/copy; cp file ROUTE/; mv ROUTE/file ROUTE/copy/; mv ROUTE/copy/file .; "
                          "ln ROUTE/copy/child hard; rm -rf ROUTE/copy; mkdir ROUTE/x; touch ROUTE/x/y new; "
                          "rm -r ROUTE/x"),
}


@pytest.fixture
def layer(scratch):
    path = scratch / "layer" / "work"
    (path / "dir" / "sub").mkdir(parents=True)
    (path / "empty").mkdir()
    (path / "package").mkdir()
    (path / "package" / "__init__.py").write_text("")
    (path / "package" / "module.py").write_text("value = 1\n")
    (path / "dir" / "child").write_text("a child\n")
    (path / "file").write_text("a file\n")
    os.setxattr(path / "file", "user.a", b"1")
    (path / "link").symlink_to("file")
    return path.parent


@pytest.mark.parametrize("user", ["root", "owner", "stranger"])
@pytest.mark.parametrize("program", sorted(PROGRAMS))
def test_as_strace_saw_it(program, user, rofuse, scratch, layer):
    if user == "owner":
        for where, directories, files in os.walk(layer / "work"):
            for name in [where] + [os.path.join(where, entry) for entry in directories + files]:
                os.chown(name, 1000, 1000, follow_symlinks=False)
    archive = scratch / "archive.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(layer / "work" / "dir", "unpacked")
        tar.add(layer / "work" / "file", "file")
        tar.add(layer / "work" / "link", "link")
    log = Log(rofuse(layers=[layer], tmpfs=["/route"]))
    words = [word.replace("ARCHIVE", str(archive)).replace("ROUTE", str(log.mount.path("/route")))
             for word in PROGRAMS[program]]
    trace = scratch / "strace.out"
    identity = [] if user == "root" else ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups"]
    home = scratch / "home"
    home.mkdir(mode=0o777)
    home.chmod(0o777)
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C", "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["strace", "-f", "-y", "-s", "4096", "-e", "trace=file,desc,bind", "-o", trace, *identity, *words],
                   cwd=log.mount.path("/work"), env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                   timeout=300, check=False)
    failures = parse(trace.read_text(errors="replace"))
    records = log.take()
    for record in records:
        validate(record)
    seen = [failure for failure in failures if failure.errno == "EROFS"]
    assert seen, "the program met no read-only file system: the test tests nothing"
    problems, tids = [], {record["process"]["tid"] for record in records}
    for tid in sorted({failure.tid for failure in failures} | tids):
        problems += compare([failure for failure in failures if failure.tid == tid],
                            [record for record in records if record["process"]["tid"] == tid])
    assert not problems, "\n".join(problems)
    if program == "threads":
        assert len(tids) == 6 and len({record["process"]["pid"] for record in records}) == 1
    elif program == "forks":
        assert all(record["process"]["tid"] == record["process"]["pid"] for record in records)


def test_the_comparison_can_fail():
    """A record too many, too few, of another thread's name or errno is found."""
    text = ('10 mkdir("new", 0777) = -1 EROFS (Read-only file system)\n'
            '11 openat(AT_FDCWD</x>, "file", O_WRONLY <unfinished ...>\n'
            '10 stat("file", {...}) = 0\n'
            '11 <... openat resumed>) = -1 EACCES (Permission denied)\n'
            '10 unlinkat(AT_FDCWD</x>, "dir", AT_REMOVEDIR) = -1 EROFS (Read-only file system)\n')
    failures = parse(text)
    assert [(f.tid, f.call, f.errno) for f in failures] == [(10, "mkdir", "EROFS"), (11, "openat", "EACCES"),
                                                            (10, "unlinkat", "EROFS")]

    def record(tid, operation, path, error):
        return {"operation": operation, "path": path, "errno": error, "process": {"tid": tid}}

    mine = [failure for failure in failures if failure.tid == 10]
    good = [record(10, "mkdir", "/etc/new", "EROFS"), record(10, "rmdir", "/etc/dir", "EROFS")]
    assert not compare(mine, good)
    assert not compare([failures[1]], [record(11, "open", "/etc/file", "EACCES")])
    assert not compare([failures[1]], [])
    for bad in (good[:1], good[1:], good + good[:1], good[::-1], [good[0], record(10, "unlink", "/etc/dir", "EROFS")],
                [good[0], record(10, "rmdir", "/etc/other", "EROFS")],
                [record(10, "mkdir", "/etc/new", "EACCES"), good[1]]):
        assert compare(mine, bad), bad
    assert compare([failures[1]], [record(11, "open", "/etc/file", "EROFS")])


def test_tools_are_there():
    for tool in ("strace", "git", "tar", "setfattr", "setfacl"):
        assert shutil.which(tool), f"{tool} is missing: scripts/setup installs it"
    assert pathlib.Path(PYTHON).exists() and sys.platform == "linux"
