"""Changes: refused ones, and those in a place that may be written; the mount itself and its daemon's memory."""

import os
import subprocess
import time

from workload import WARM_RUNS, Phase, Workload, digest, file_digest, stable

REFUSED = 2000


def some_files(trial):
    """A list of files to change, in the scratch directory."""
    path = trial.place / "some"
    with open(trial.list("files"), encoding="utf-8", errors="surrogateescape") as names:
        some = [name for _, name in zip(range(REFUSED), names)]
    path.write_text("".join(some), encoding="utf-8", errors="surrogateescape")
    return path


def refused(trial):
    """The kernel has seen the names once: what is measured is the refusal."""
    some = some_files(trial)
    for phase, words in (("create", ("usr/lib", REFUSED)), ("write", (some,)), ("unlink", (some,)),
                         ("mkdir", ("usr/lib", REFUSED))):
        trial.ops(f"denied-{phase}", *words)
        trial.timed(phase, f"denied-{phase}", *words, runs=WARM_RUNS)


CREATED, MADE = 5000, 5000
WRITTEN, OVERWRITTEN, APPENDED = 512 << 20, 20000, 2000


def content_of(directory):
    """A checksum of the names, kinds, modes and contents below a directory."""
    found = []
    for parent, directories, files in os.walk(directory):
        for name in directories + files:
            path = os.path.join(parent, name)
            mode = os.lstat(path).st_mode
            if os.path.islink(path):
                content = os.readlink(path)
            else:
                content = file_digest(path) if name in files else ""
            found.append(repr((os.path.relpath(path, directory), mode, content)))
    return digest("\n".join(sorted(found)).encode("utf-8", "surrogateescape"))


def route_names(trial):
    place = trial.writable / "names"
    place.mkdir()
    trial.timed("create", "create", place, CREATED, 4096)
    if trial.thorough:
        trial.check("created", content_of(place))
    trial.timed("rename", "rename", place, CREATED)
    if trial.thorough:
        trial.check("renamed", content_of(place))
    trial.timed("unlink", "unlink", place, CREATED)
    trial.timed("mkdir rmdir", "mkdir-rmdir", place, MADE)
    trial.check("empty", stable(os.listdir(place)))


def route_content(trial):
    file, log = trial.writable / "file", trial.writable / "log"
    trial.timed("write", "write", file, WRITTEN)
    trial.timed("overwrite 4k", "overwrite", file, OVERWRITTEN)
    trial.timed("append sync", "append", log, APPENDED)
    trial.check("size", stable([os.path.getsize(file), os.path.getsize(log)]))
    if trial.thorough:
        trial.check("content", file_digest(file) + file_digest(log))


def route_untar(trial):
    archive, place = trial.inputs.archive(), trial.writable / "tree"
    place.mkdir()
    subprocess.run(["cat", archive], stdout=subprocess.DEVNULL, check=True)
    trial.timed("untar", "bytes", "-", place, 1, "tar", "-xf", archive)
    if trial.thorough:
        trial.check("content", content_of(place))
    trial.timed("rm -rf", "bytes", "-", trial.writable, 1, "rm", "-rf", "tree")
    trial.check("gone", stable(place.exists()))


def mount_time(stack_name, phase):
    def run(trial):
        stack = trial.inputs.stack(stack_name)
        trial.end()
        took = []
        for number in range(WARM_RUNS + 1):
            mounted = trial.subject.mount(stack, trial.place / f"mount{number}", background=True)
            try:
                start = time.perf_counter()
                subprocess.run(mounted.argv, cwd=mounted.cwd, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, check=True)
                names = os.listdir(mounted.point / ("usr" if stack_name == "root" else "tree"))
                took.append(time.perf_counter() - start)
            finally:
                mounted.end()
                reap()
        trial.record(phase, sorted(took)[len(took) // 2] * 1000, answer=stable(sorted(names)))
    return run


def mount_both(trial):
    mount_time("small", "few files")(trial)
    mount_time("root", "many files")(trial)


def reap():
    """Waits for daemons that went to the background: their parent is the benchmark (PR_SET_CHILD_SUBREAPER)."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.005)
        except ChildProcessError:
            return


def resident(pid):
    """VmRSS of a process in MiB; 0 where there is none."""
    if pid is None:
        return 0.0
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:")) / 1024


WALKED = 30000


def memory(trial):
    """A walk over the root, up to a number of names; which ones depends on the order in a directory."""
    _, operations, _ = trial.ops("walk", "usr", WALKED)
    trial.record("after a walk", resident(trial.mounted.daemon), answer=str(operations), operations=operations)


def route(name, phases, run, about):
    return Workload(name, "route", "small", tuple(phases), run, about)


WORKLOADS = [
    Workload("mount", "mount", "small", (Phase("few files", 1.5), Phase("many files", 1.5)), mount_both,
             "until the mount is there and its first directory read; ten files, and the root"),
    Workload("memory", "mount", "root", (Phase("after a walk", 12, "8 to 23 MiB", "MiB"),), memory,
             "resident memory of the daemon after lstat of 30,000 names"),
    Workload("refused", "refused", "root", (Phase("create", 8, "8"), Phase("write", 5, "3"), Phase("unlink", 8, "1"),
                                            Phase("mkdir", 6, "7")), refused,
             "2,000 refused changes; rofuse's log is a file"),
    route("route names", [Phase("create", 6, "23"), Phase("rename", 6, "23"), Phase("unlink", 6, "23"),
                          Phase("mkdir rmdir", 6, "23")], route_names, "5,000 files of 4 KiB, 5,000 directories"),
    route("route content", [Phase("write", 1.1, "2.4"), Phase("overwrite 4k", 1.2, "9.5"), Phase("append sync", 2, "20")],
          route_content, "512 MiB in blocks of 128 KiB; 20,000 pwrite(2); 2,000 times append and fdatasync"),
    route("route untar", [Phase("untar", 5, "15"), Phase("rm -rf", 4, "7.6")], route_untar, "python's library"),
]
