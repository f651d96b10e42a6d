"""Workloads that look at the layers and read them."""

import hashlib
import subprocess
import tarfile

from workload import WARM_RUNS, Phase, Workload, digest, file_digest

# Directories' sizes and times differ from one file system to the other; all else must not.
STAT_FORMAT = r"%P %y %m %U %G %s %T@\n"
FIND_STAT = ("find", ".", "(", "-type", "d", "-printf", r"%P %y %m %U %G\n", ")", "-o", "-printf", STAT_FORMAT)


def lines(*words, root="-", cwd=".", times=1):
    """The operation that runs a program and sums the lines that it says."""
    return ("lines", root, cwd, times, *words)


def find_names(trial):
    words = lines("find", ".")
    trial.ops(*words)
    trial.timed("warm", *words, runs=WARM_RUNS)
    trial.check_lines("names", ("find", "."))


def find_stat(trial):
    trial.timed("cold", *lines(*FIND_STAT), cold=True, tool="find")
    trial.check_lines("attributes", FIND_STAT)
    trial.timed("warm", *lines(*FIND_STAT), runs=WARM_RUNS)


def find_deep(trial):
    words = list(FIND_STAT)
    words[1] = "deep"
    trial.timed("cold", *lines(*words), cold=True, tool="find")
    trial.timed("warm", *lines(*words), runs=WARM_RUNS)


def readdir(trial):
    trial.ops("readdir", trial.list("directories"))
    trial.timed("warm", "readdir", trial.list("directories"), runs=WARM_RUNS)


def ls_big(trial):
    words = lines("ls", "-lU", "many")
    trial.timed("cold", *words, cold=True, tool="ls")
    trial.check_lines("listing", ("ls", "-lU", "many"))
    trial.timed("warm", *words, runs=WARM_RUNS)


def stat_existing(trial):
    trial.ops("stat", trial.list("names"))
    trial.timed("warm", "stat", trial.list("names"), runs=WARM_RUNS)


def stat_missing(trial):
    trial.ops("stat", trial.list("names"))
    trial.timed("first", "missing", trial.list("missing"))
    trial.timed("warm", "missing", trial.list("missing"), runs=WARM_RUNS)


# Programs of the image: they run in the mount as their root, and must write nothing.
ENVIRONMENT = ("/usr/bin/env", "-i", "PATH=/usr/bin:/bin", "LC_ALL=C", "PYTHONDONTWRITEBYTECODE=1", "GIT_OPTIONAL_LOCKS=0")


def program(trial, *words, times):
    command = ENVIRONMENT + words
    # The devices of an image cannot be opened in a FUSE mount; runtimes bring a /dev of their own, too.
    subprocess.run(["mount", "--bind", "/dev", trial.point / "dev"], check=True)
    trial.timed("cold", *lines(*command, root=trial.point, cwd="/"), cold=True)
    trial.timed("warm", *lines(*command, root=trial.point, cwd="/", times=times), runs=WARM_RUNS)


def python_start(trial):
    program(trial, "/usr/bin/python3", "-c", "print(6 * 7)", times=10)


def node_start(trial):
    program(trial, "/usr/bin/node", "-e", "console.log(6 * 7)", times=5)


def git_status(trial):
    program(trial, "/usr/bin/git", "-C", "/repo", "status", "--porcelain=v2", "--branch", times=3)


def grep(trial):
    words = ("grep", "-rF", "raise NotImplementedError", "usr/lib/python3.11", "usr/lib/python3", "usr/share")
    trial.timed("cold", *lines(*words), cold=True, tool="grep")
    trial.check_lines("lines", words)
    trial.timed("warm", *lines(*words), runs=WARM_RUNS)


# What is not of the image: rofuse shows places for the runtimes, and a mount has no say in its own directory's time.
TAR = ("tar", "-cf", "-", "usr", "etc", "var", "repo", "opt")


def tar_all(trial):
    words = ("bytes", "-", ".", 1, *TAR)
    trial.ops(*words)
    if trial.thorough:
        trial.check("content", tar_content(trial.point))
    trial.timed("warm", *words)


def tar_content(point):
    """A checksum of all that tar sees: names, kinds, owners, modes, times, contents, and which names are one file."""
    found, contents, groups = [], {}, {}
    with subprocess.Popen(TAR, cwd=point, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as tar:
        with tarfile.open(fileobj=tar.stdout, mode="r|") as archive:
            for member in archive:
                # Which name of a file comes first, and which are the links, depends on the order in a directory.
                first = member.linkname if member.islnk() else member.name
                groups.setdefault(first, set()).add(member.name)
                if member.isreg():
                    contents[first] = _content(archive, member)
                time = None if member.isdir() else member.mtime
                kind = "file" if member.isreg() or member.islnk() else member.type
                link = member.linkname if member.issym() else None
                found.append(repr((member.name, kind, member.mode, member.uid, member.gid, time, link, contents.get(first))))
    linked = sorted(repr(sorted(names)) for names in groups.values() if len(names) > 1)
    return digest("\n".join(sorted(found) + linked).encode("utf-8", "surrogateescape"))


def _content(archive, member):
    with archive.extractfile(member) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def open_read(trial):
    trial.timed("cold", "open-read", trial.list("files"), cold=True)
    if trial.thorough:
        content = hashlib.sha256()
        for name in trial.list("files").read_text(encoding="utf-8").splitlines():
            content.update((trial.point / name).read_bytes())
        trial.check("content", content.hexdigest())
    trial.timed("warm", "open-read", trial.list("files"), runs=WARM_RUNS)


def read_file(trial):
    trial.timed("cold", "read", "big/1g", cold=True)
    if trial.thorough:
        trial.check("content", file_digest(trial.point / "big/1g"))
    trial.timed("warm", "read", "big/1g", runs=WARM_RUNS)


def mmap_file(trial):
    trial.timed("cold", "mmap", "big/512m", cold=True)
    if trial.thorough:
        trial.check("content", file_digest(trial.point / "big/512m"))
    trial.timed("warm", "mmap", "big/512m", runs=WARM_RUNS)


def random_reads(trial):
    trial.ops("read", "big/512m")
    trial.timed("warm", "random", "big/512m", 100000, runs=WARM_RUNS)


def many_walk(trial):
    words = lines("find", "tree", "-type", "f", "-printf", STAT_FORMAT)
    trial.timed("cold", *words, cold=True, tool="find")
    trial.timed("misses", "missing", trial.list("missing"))


def read(name, stack, phases, run, about):
    return Workload(name, "read", stack, tuple(phases), run, about)


WORKLOADS = [
    read("find names", "root", [Phase("warm", 1.2, "4.5")], find_names, "find of all names of the root"),
    read("find stat", "root", [Phase("cold", 2.5, "3.9"), Phase("warm", 1.2, "2.6")], find_stat,
         "find of the root with the attributes of everything"),
    read("find deep", "data", [Phase("cold"), Phase("warm")], find_deep, "the same in a tree of a hundred levels"),
    read("readdir", "root", [Phase("warm", 1.5, "7.5")], readdir, "opendir, readdir, closedir of all directories"),
    read("ls 20000", "data", [Phase("cold", 3, "8"), Phase("warm", 1.5, "5.8")], ls_big, "ls -lU of 20,000 entries"),
    read("stat", "root", [Phase("warm", 1.0, "0.6")], stat_existing, "lstat of 20,000 names"),
    read("stat missing", "root", [Phase("first", 3, "4.7"), Phase("warm", 1.0, "0.6")], stat_missing,
         "lstat of 20,000 names that are not there"),
    read("python start", "root", [Phase("cold", 1.2, "1.4"), Phase("warm", 1.15, "1.4")], python_start,
         "python3 of the image; warm: ten times"),
    read("node start", "root", [Phase("cold", 1.1), Phase("warm", 1.05)], node_start, "node of the image; warm: five times"),
    read("git status", "root", [Phase("cold", 2.5, "3.8"), Phase("warm", 1.2, "1.4")], git_status,
         "git of the image in a repository of some thousand files; warm: three times"),
    read("grep", "root", [Phase("cold", 1.4, "1.5"), Phase("warm", 3, "3.4")], grep, "grep -r of /usr/share and two more"),
    read("tar", "root", [Phase("warm", 3)], tar_all, "tar of everything, to a pipe"),
    read("open read close", "data", [Phase("cold", 4, "7"), Phase("warm", 6, "13")], open_read, "20,000 files of 4 KiB"),
    read("read 1 GiB", "data", [Phase("cold", 0.9, "1.3"), Phase("warm", 1.05, "2.3")], read_file, "in blocks of 128 KiB"),
    read("mmap 512 MiB", "data", [Phase("cold", 1.0, "3"), Phase("warm", 1.0, "4.7")], mmap_file, "a look at every page"),
    read("random 4 KiB", "data", [Phase("warm", 1.0)], random_reads, "100,000 pread(2) in a file of 512 MiB"),
    read("120 layers", "many", [Phase("cold", 2, "2.6"), Phase("misses", 2, "3.7")], many_walk,
         "find with attributes, and lstat of 4,800 names that are not there"),
]
