"""Who tried it: the process of a record, compared with what the process itself and /proc say."""

import datetime
import json
import os
import pathlib
import shutil
import subprocess
import uuid

import pytest
from denial_log import Log, call, set_comm, text_of, validate
import rofuse_test

PYTHON = "/usr/bin/python3"

# Tries mkdir in a thread, tells its identity, and stays until its standard input ends.
CALLER = """
import json, os, sys, threading
told = {}
def work():
    told["tid"] = threading.get_native_id()
    try:
        os.mkdir(sys.argv[1])
    except OSError as error:
        told["errno"] = error.errno
if sys.argv[2] == "thread":
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
else:
    work()
told["pid"] = os.getpid()
print(json.dumps(told), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def log(rofuse, scratch):
    layer = scratch / "layer"
    (layer / "etc").mkdir(parents=True)
    log = Log(rofuse(layers=[layer], tmpfs=["/tmp"]))
    yield log
    log.mount.end()
    for event in log.mount.events():
        validate(event)


def proc_comm(pid):
    return pathlib.Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").rstrip("\n")


def proc_exe(pid):
    """The executable, or None where nobody may see it."""
    try:
        return os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)")
    except PermissionError:
        return None


def proc_stat(pid):
    """The fields of /proc/PID/stat after the name: [0] is the state, [1] the parent, [19] the start in ticks."""
    return pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()


def ancestors(pid):
    chain = []
    while True:
        pid = int(proc_stat(pid)[1])
        if pid == 0:
            return chain
        chain.append(pid)


def start_of(pid):
    boot = next(int(line.split()[1]) for line in open("/proc/stat", encoding="ascii") if line.startswith("btime"))
    return boot + int(proc_stat(pid)[19]) / os.sysconf("SC_CLK_TCK")


def parse_time(text):
    """RFC 3339 in UTC with up to nine digits of a second, as a number."""
    assert text.endswith("Z"), text
    whole, _, fraction = text[:-1].partition(".")
    moment = datetime.datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=datetime.timezone.utc)
    return moment.timestamp() + (float("0." + fraction) if fraction else 0)


@pytest.mark.parametrize("where", ["main", "thread"])
def test_identity(where, log, scratch):
    cwd = scratch / "working directory"
    cwd.mkdir()
    arguments = [PYTHON, "-c", CALLER, str(log.mount.path("/etc/new")), where, "an argument", "", "line\nbreak"]
    before = datetime.datetime.now(datetime.timezone.utc).timestamp()
    process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=cwd, user=1000, group=1001,
                               extra_groups=[3000, 3001, 70000])
    try:
        told = json.loads(process.stdout.readline())
        record = log.one()
        after = datetime.datetime.now(datetime.timezone.utc).timestamp()
        assert record["operation"] == "mkdir" and record["path"] == "/etc/new"
        assert before - 1 <= parse_time(record["time"]) <= after + 1
        who = record["process"]
        assert who["pid"] == told["pid"] == process.pid
        assert who["tid"] == told["tid"]
        assert (who["tid"] != who["pid"]) == (where == "thread")
        assert who["comm"] == proc_comm(process.pid)
        assert who["exe"] == os.readlink(f"/proc/{process.pid}/exe")
        assert who["args"] == arguments
        assert who["cwd"] == str(cwd)
        assert (who["uid"], who["gid"]) == (1000, 1001)
        assert sorted(who["groups"]) == [3000, 3001, 70000]
        assert abs(parse_time(who["start_time"]) - start_of(process.pid)) < 2, "seconds since the start of the process"
        cgroups = {line.rstrip("\n").split(":", 2)[2] for line in open(f"/proc/{process.pid}/cgroup", encoding="utf-8")}
        assert who["cgroup"] in cgroups
        inside = next(line.split()[-1] for line in open(f"/proc/{process.pid}/status", encoding="ascii")
                      if line.startswith("NSpid"))
        assert who["pid_inside"] == int(inside)
        chain = ancestors(process.pid)[:16]
        assert [parent["pid"] for parent in who["parents"]] == chain
        for parent in who["parents"]:
            assert parent["comm"] == proc_comm(parent["pid"])
            assert parent["exe"] == proc_exe(parent["pid"])
        assert chain[0] == os.getpid() and chain[-1] == 1
    finally:
        process.communicate()


def test_many_threads(log):
    """Every thread's record has its own tid and name."""
    code = """
import json, os, sys, threading, ctypes
libc = ctypes.CDLL(None)
told = []
ready = threading.Barrier(8)
def work(number):
    libc.prctl(15, b"worker %d" % number, 0, 0, 0)
    ready.wait()
    for turn in range(20):
        try:
            os.mkdir(f"{sys.argv[1]}/{number}-{turn}")
        except OSError:
            pass
    told.append((number, threading.get_native_id()))
threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(json.dumps([os.getpid(), told]))
"""
    result = subprocess.run([PYTHON, "-c", code, log.mount.path("/etc")], capture_output=True, check=True)
    pid, told = json.loads(result.stdout)
    tids = dict(told)
    records = log.take()
    assert len(records) == 160
    for number, tid in tids.items():
        mine = [r for r in records if r["path"].startswith(f"/etc/{number}-")]
        assert [r["path"] for r in mine] == [f"/etc/{number}-{turn}" for turn in range(20)], "in order"
        for record in mine:
            assert (record["process"]["pid"], record["process"]["tid"]) == (pid, tid)
            assert record["process"]["comm"] == f"worker {number}"


def test_pid_namespace(log):
    """The pid that the process knows itself by, beside the one that the host knows."""
    code = ("import os, sys; child = os.fork()\nif child == 0:\n"
            " try: os.mkdir(sys.argv[1])\n except OSError: pass\n os._exit(0)\n"
            "os.wait(); print(child)")
    result = subprocess.run(["unshare", "-fp", "--mount-proc", PYTHON, "-c", code, log.mount.path("/etc/new")],
                            capture_output=True, check=True)
    record = log.one()
    assert record["process"]["pid_inside"] == int(result.stdout)
    assert record["process"]["pid"] != record["process"]["pid_inside"]
    parents = record["process"]["parents"]
    assert parents[0]["exe"] == os.path.realpath(PYTHON)
    assert parents[1]["comm"] == "unshare"
    assert os.getpid() in [parent["pid"] for parent in parents]


def test_proc_of_another_namespace(rofuse, scratch):
    """
    A daemon in a pid namespace of its own, with the /proc of the one outside: whom it sees has another number there, whom
    it does not see has none. Both are unknown; nobody else is named.
    """
    layer = scratch / "layer"
    (layer / "etc").mkdir(parents=True)
    log = Log(rofuse(layers=[layer], prefix=["unshare", "-fp", "--kill-child"], tmpfs=["/tmp:mode=0700"]))
    try:
        check_that_nobody_is_named(log, children(log.mount.process.pid)[0])
    finally:
        rofuse_test.unmount_below(log.mount.point)  # unshare(1) passes no SIGTERM on
    assert log.mount.process.wait(60) == 0


def check_that_nobody_is_named(log, daemon):
    for name, prefix in (("inside", ["nsenter", "-p", "-t", str(daemon)]), ("outside", [])):
        subprocess.run([*prefix, "mkdir", log.mount.path("/etc") / name], check=False, capture_output=True)
        # In a route nobody else's capabilities may count.
        subprocess.run([*prefix, "setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "mkdir",
                        log.mount.path("/tmp") / name], check=False, capture_output=True)
        assert not log.mount.path("/tmp").joinpath(name).exists()
    records = [event for event in log.take_events() if event.get("path", "").startswith("/etc/")]
    assert [record["path"] for record in records] == ["/etc/inside", "/etc/outside"]
    for record in records:
        validate(record)
        who = record["process"]
        assert (who["uid"], who["gid"]) == (0, 0)
        assert who["comm"] is who["exe"] is who["args"] is who["cwd"] is who["start_time"] is None, who
        assert who["parents"] == [], who


def children(pid):
    return [int(word) for word in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_user_namespace(log):
    """Root of a user namespace: the record has the user that the host knows."""
    result = subprocess.run(["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "unshare", "-Ur", "sh", "-c",
                             "id -u; mkdir \"$1\"", "sh", log.mount.path("/etc/new")], capture_output=True, text=True,
                            check=False)
    assert result.stdout == "0\n"
    assert "Read-only file system" in result.stderr
    record = log.one()
    assert (record["operation"], record["path"], record["errno"]) == ("mkdir", "/etc/new", "EROFS")
    assert (record["process"]["uid"], record["process"]["gid"]) == (1000, 1000)


def test_working_directory_inside_and_relative_paths(log):
    """A relative path from a directory inside, by chdir and by a directory descriptor; chroot into the mount."""
    def relative():
        os.chdir(log.mount.path("/etc"))
        os.mkdir("one")

    def by_descriptor():
        os.mkdir("two", dir_fd=os.open(log.mount.path("/etc"), os.O_RDONLY | os.O_DIRECTORY))

    def up_and_down():
        os.chdir(log.mount.path("/etc"))
        os.mkdir("../etc/./three")

    def jailed():
        os.chroot(log.mount.point)
        os.chdir("/etc")
        os.mkdir("/../etc/four")

    for run, name in ((relative, "one"), (by_descriptor, "two"), (up_and_down, "three"), (jailed, "four")):
        assert call(run).name == "EROFS"
        record = log.one()
        assert record["path"] == f"/etc/{name}"
        if run is relative:
            assert record["process"]["cwd"] == str(log.mount.path("/etc"))


def test_deleted_executable_and_odd_bytes(log, scratch):
    """An executable that is gone is named all the same; bytes in exe, args, cwd and comm are kept exactly."""
    odd = os.fsencode(scratch) + b"/odd \xff\n"
    os.mkdir(odd)
    program = odd + b"/mk\xfedir"
    shutil.copy("/bin/mkdir", program)
    os.chmod(program, 0o755)
    target = os.fsencode(log.mount.path("/etc/new"))
    subprocess.run([program, b"-m\x37\x35\x35", target + b"\xff"], cwd=odd, check=False, capture_output=True)
    who = log.one()["process"]
    assert text_of(who, "exe") == program
    assert text_of(who, "comm") == b"mk\xfedir"
    assert text_of(who, "cwd") == odd
    assert target[:-3].decode() in json.dumps(who["args"])
    code = ("import os, sys; os.unlink(sys.argv[1])\n"
            "try: os.mkdir(sys.argv[2])\nexcept OSError: pass")
    copy = scratch / "python copy"
    shutil.copy(os.path.realpath(PYTHON), copy)
    subprocess.run([copy, "-c", code, copy, target], check=True)
    who = log.one()["process"]
    assert who["exe"].removesuffix(" (deleted)") == str(copy)


@pytest.mark.parametrize("name", [b"a\nb", b") S 1 1 1 (", b"\xff\xfe", b"", b"tab\t\x1b[31m", b"{\"a\":1}"], ids=repr)
def test_odd_comm(name, log):
    """A thread may call itself anything; neither the line nor the parent's number breaks."""
    def run():
        set_comm(name)
        os.mkdir(log.mount.path("/etc/new"))

    outcome = call(run)
    assert outcome.name == "EROFS"
    record = log.one()
    assert text_of(record["process"], "comm") == name
    assert record["process"]["pid"] == outcome.pid
    assert record["process"]["parents"][0]["pid"] == os.getpid()


def test_rewritten_and_missing_arguments(log):
    """A process that has wiped its own arguments gives a record without them, no made-up ones."""
    code = """
import ctypes, os, sys
libc = ctypes.CDLL(None)
start = next(int(f) for i, f in enumerate(open("/proc/self/stat").read().rpartition(")")[2].split()) if i == 45)
end = next(int(f) for i, f in enumerate(open("/proc/self/stat").read().rpartition(")")[2].split()) if i == 46)
path = sys.argv[1]
ctypes.memset(start, 0, end - start)
try:
    os.mkdir(path)
except OSError:
    pass
"""
    subprocess.run([PYTHON, "-c", code, log.mount.path("/etc/new")], check=True)
    record = log.one()
    assert record["path"] == "/etc/new"
    assert not any(record["process"]["args"] or [])


def test_long_command_line(log):
    """Two mebibytes of arguments: one record, bounded, and it says that it is cut short."""
    import resource

    def limits():
        resource.setrlimit(resource.RLIMIT_STACK, (64 << 20, resource.getrlimit(resource.RLIMIT_STACK)[1]))

    code = "import os, sys\ntry: os.mkdir(sys.argv[1])\nexcept OSError: pass"
    arguments = [PYTHON, "-c", code, str(log.mount.path("/etc/new"))] + ["x" * 100_000] * 21
    subprocess.run(arguments, preexec_fn=limits, check=True)
    record = log.one()
    assert record["process"]["args"][:4] == arguments[:4]
    line = next(line for line in log.mount.log_path.read_bytes().split(b"\n") if b'"/etc/new"' in line)
    assert len(line) < 256 << 10
    assert record["process"].get("args_truncated") is True


def unified_cgroup():
    """Where a group can be made in the unified hierarchy, or None."""
    with open("/proc/mounts", encoding="utf-8") as mounts:
        for line in mounts:
            point, kind, options = line.split()[1:4]
            if kind == "cgroup2" and "rw" in options.split(",") and os.access(point, os.W_OK):
                return pathlib.Path(point)
    return None


@pytest.mark.parametrize("form", ["docker-{}.scope", "libpod-{}.scope", "docker/{}", "crio-{}.scope", "plain-{}"])
def test_container_id(form, log):
    """The container's id is read from the cgroup's name, as docker, podman and CRI-O write it; else it is unknown."""
    root = unified_cgroup()
    if root is None:
        pytest.skip("no unified cgroup hierarchy can be written here")
    identity = uuid.uuid4().hex * 2 if not form.startswith("plain") else "not-an-id"
    group = root / form.format(identity)
    made = [path for path in (group.parent, group) if not path.exists()]
    for path in made:
        path.mkdir()
    try:
        def run():
            (group / "cgroup.procs").write_text(str(os.getpid()), encoding="ascii")
            os.mkdir(log.mount.path("/etc/new"))

        assert call(run).name == "EROFS"
        who = log.one()["process"]
        assert who["cgroup"] == "/" + form.format(identity)
        assert who["container_id"] == (None if form.startswith("plain") else identity)
    finally:
        for path in reversed(made):
            path.rmdir()
