"""rofuse log: what is shown of whom, live and past, in every format."""

import json
import os
import re
import signal
import subprocess
import time

import jsonschema
import pytest
import rofuse_test

TEXT = {"type": "string", "minLength": 1}
NUMBER = {"type": "integer"}
TIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$"}


def thing(required, more=True):
    """A schema of an object with these members; a value is a schema or, for what must be just this, anything else."""
    properties = {key: value if isinstance(value, dict) else {"const": value} for key, value in required.items()}
    return {"type": "object", "required": sorted(properties), "properties": properties, "additionalProperties": more}


# What the published schemas demand of such an event, and what RULES says that their readers look for.
ECS = thing({
    "@timestamp": TIME, "message": TEXT, "ecs": thing({"version": "8.11.0"}, more=False),
    "event": thing({"kind": "event", "category": ["file"], "action": TEXT, "outcome": "failure", "reason": TEXT,
                    "type": {"type": "array", "minItems": 2, "items": {"enum": ["denied", "access", "change", "creation", "deletion"]}},
                    "module": "rofuse", "dataset": "rofuse.log"}),
    "file": thing({"path": {"type": "string", "pattern": "^/"}, "name": TEXT, "directory": TEXT}),
    "process": thing({"pid": NUMBER, "vpid": NUMBER, "name": TEXT, "executable": TEXT, "command_line": TEXT,
                      "args": {"type": "array", "items": TEXT}, "working_directory": TEXT, "start": TIME,
                      "parent": thing({"pid": NUMBER, "name": TEXT, "executable": TEXT}), "thread": thing({"id": NUMBER}, more=False)}),
    "user": thing({"id": {"type": "string", "pattern": r"^\d+$"}}),
    "error": thing({"code": "EROFS"}),
    "rofuse": thing({"mount": TEXT, "why": "not-declared", "operation": TEXT, "count": 1}),
}, more=False)
PARENT = {"type": "object", "required": ["pid"], "properties": {"pid": NUMBER, "parent_process": {"type": "object"}}}
OCSF = thing({
    "class_uid": 1001, "category_uid": 1, "activity_id": {"enum": [1, 3, 4, 5, 6, 14, 99]}, "type_uid": {"minimum": 100101, "maximum": 100199},
    "time": {"type": "integer", "minimum": 1_700_000_000_000}, "severity_id": {"enum": [1, 2, 3]},
    "action_id": 2, "disposition_id": 2, "status_id": 2, "status_code": "EROFS", "count": 1,
    "metadata": thing({"version": "1.3.0", "product": thing({"name": "rofuse", "vendor_name": "rofuse"}),
                       "profiles": ["host", "container", "security_control"]}),
    "device": thing({"type_id": 0, "hostname": TEXT}),
    "file": thing({"name": TEXT, "path": {"type": "string", "pattern": "^/"}, "type_id": {"enum": list(range(8))}}),
    "actor": thing({"process": thing({"pid": NUMBER, "name": TEXT, "cmd_line": TEXT, "parent_process": PARENT,
                                      "file": thing({"name": TEXT, "path": TEXT, "type_id": 1})}),
                    "user": thing({"uid": {"type": "string", "pattern": r"^\d+$"}})}),
    "unmapped": {"type": "object"},
})
FALCO = thing({
    "output": {"type": "string", "pattern": r"^\d{4}-\S+Z: Warning "}, "priority": "Warning", "rule": TEXT, "time": TIME, "hostname": TEXT,
    "source": "rofuse", "tags": {"type": "array", "items": TEXT},
    "output_fields": thing({"fd.name": TEXT, "proc.name": TEXT, "proc.exepath": TEXT, "proc.cmdline": TEXT, "proc.pname": TEXT,
                            "proc.pid": NUMBER, "proc.ppid": NUMBER, "proc.vpid": NUMBER, "user.uid": NUMBER,
                            "container.id": {"type": ["string", "null"]}, "evt.type": TEXT, "evt.res": "EROFS", "evt.time": NUMBER}),
}, more=False)


def words(state, *more):
    return [rofuse_test.BINARY, "log", *([f"--state-dir={state}"] if state else []), *map(str, more)]


def run(state, *more, stdin=None):
    return subprocess.run(words(state, *more), capture_output=True, text=True, check=False, input=stdin, timeout=60)


def lines(state, *more, **named):
    done = run(state, *more, **named)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.splitlines()


def records(state, *more, **named):
    return [json.loads(line) for line in lines(state, *more, "--json", **named)]


def paths(state, *more, **named):
    return [record["path"] for record in records(state, *more, **named)]


class Follower:
    """rofuse log --follow in a pipe."""

    def __init__(self, *more):
        self.process = subprocess.Popen(words(*more, "--follow"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def line(self):
        return self.process.stdout.readline()

    def end(self):
        """What else it said, and its status."""
        out, err = self.process.communicate(timeout=60)
        return out, err, self.process.returncode


@pytest.fixture
def mount(rofuse):
    return rofuse()


def touch(mount, *names, program="/usr/bin/mkdir"):
    for name in names:
        subprocess.run([program, str(mount.path(name))], check=False, capture_output=True)
        rofuse_test.wait_until(lambda name=name: any(e.get("path") == name for e in mount.events()), f"the record of {name}")


def test_the_records_of_a_mount(mount):
    touch(mount, "/a", "/b")
    assert paths(mount.state) == ["/a", "/b"]
    for word in (mount.point, mount.point.name):
        assert records(mount.state, word) == mount.events()
    text = lines(mount.state)
    assert len(text) == 2
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3} mkdir /a EROFS /usr/bin/mkdir pid \d+ uid 0: not-declared", text[0])


def test_filters(mount):
    touch(mount, "/a1", "/a2")
    touch(mount, "/c", program="/usr/bin/mkfifo")
    touch(mount, "/z", program="/usr/bin/mkfifo")
    assert paths(mount.state, "--process", "mkfifo") == ["/c", "/z"]
    assert paths(mount.state, "--process", "/usr/bin/mkdir") == ["/a1", "/a2"]
    pid = records(mount.state)[1]["process"]["pid"]
    assert paths(mount.state, "--process", pid) == ["/a2"]
    assert paths(mount.state, "--path", "/a*") == ["/a1", "/a2"]
    assert paths(mount.state, "--path", "/?", "--process", "mkfifo") == ["/c", "/z"]
    assert paths(mount.state, "--since", "1h") == ["/a1", "/a2", "/c", "/z"]
    assert paths(mount.state, "--since", "2100-01-01") == []
    third = records(mount.state)[2]["time"]
    assert paths(mount.state, "--since", third[:26] + "Z") == ["/c", "/z"]


def test_following(mount):
    touch(mount, "/old")
    follower = Follower(mount.state)
    assert " /old " in follower.line()
    for name in ("/n1", "/n2"):
        touch(mount, name)
        # It comes though the pipe is not full.
        assert f" {name} " in follower.line()
    assert mount.end() == 0
    assert follower.end() == ("", "", 0)


def test_following_goes_on_while_the_log_is_rotated(mount):
    follower = Follower(mount.state)
    touch(mount, "/a")
    assert " /a " in follower.line()
    mount.log_path.rename(mount.scratch / "old.jsonl")
    mount.process.send_signal(signal.SIGHUP)
    rofuse_test.wait_until(mount.log_path.exists, "the new log")
    touch(mount, "/b")
    assert " /b " in follower.line()
    assert [event["path"] for event in mount.events()] == ["/b"]
    assert paths(mount.state) == ["/a", "/b"], "the daemon remembers both"
    assert mount.end() == 0
    assert follower.end() == ("", "", 0)


def test_a_torn_last_line(mount):
    """Of a machine that lost its power."""
    touch(mount, "/a", "/b")
    mount.kill()
    with open(mount.log_path, "r+b") as log:
        log.truncate(os.path.getsize(mount.log_path) - 40)
    done = run(mount.state)
    assert (done.returncode, done.stdout.count(" /a "), done.stdout.count("\n")) == (0, 1, 1)
    assert done.stderr == f"rofuse: {mount.log_path}: one line of the log is no record; it is left out\n"
    with open(mount.log_path, "r+b") as log:
        log.truncate(40)
    done = run(mount.state)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (f"rofuse: {mount.log_path} is no log in JSON (rofuse mount --log-format json): "
                           "its only line is no record of rofuse\n")
    done = run(mount.state, "--from", "/etc/passwd")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("rofuse: /etc/passwd is no log in JSON ")


def test_following_ends_with_a_killed_daemon(mount):
    touch(mount, "/old")
    follower = Follower(mount.state)
    follower.line()
    mount.kill()
    assert follower.end() == ("", "", 0)


def test_following_ends_quietly_when_nobody_reads(mount):
    touch(mount, "/old")
    follower = Follower(mount.state)
    follower.line()
    follower.process.stdout.close()
    # Though nothing comes that it could not write.
    assert follower.process.wait(60) in (0, -signal.SIGPIPE)
    assert follower.process.stderr.read() == ""
    follower.process.stderr.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_following_ends_quietly_by_a_signal(mount, number):
    touch(mount, "/old")
    follower = Follower(mount.state)
    follower.line()
    follower.process.send_signal(number)
    assert follower.end() == ("", "", -number)


def test_of_a_dead_mount_the_file_is_read(mount):
    touch(mount, "/a", "/b")
    alive = records(mount.state)
    mount.kill()
    for word in ([], [mount.point], [mount.point.name]):
        assert records(mount.state, *word) == alive
    done = run(mount.state, "--follow")
    assert (done.returncode, done.stdout) == (1, "")
    assert "has ended" in done.stderr
    rofuse_test.unmount_below(mount.point)
    assert records(mount.state) == alive


def rotate(mount, name):
    """As logrotate does."""
    mount.log_path.rename(mount.log_path.with_name(mount.log_path.name + name))
    mount.process.send_signal(signal.SIGHUP)
    rofuse_test.wait_until(mount.log_path.exists, "the new log")


@pytest.mark.parametrize("first, second", [(".10", ".9"), ("-20261125", "-20261126"), ("-20261126-1", "-20261126-2"), (".1", "-20261126")])
def test_of_a_dead_mount_what_was_rotated_is_read_too(mount, first, second):
    touch(mount, "/a1")
    rotate(mount, first)
    touch(mount, "/b1", "/b2")
    rotate(mount, second)
    touch(mount, "/a3")
    alive = records(mount.state)
    mount.kill()
    # Not what only looks like it, nor what would be opened for ever, nor the same twice.
    log = str(mount.log_path)
    for name in (".bak", ".1x", "-2", ".old.1", "x.1"):
        os.link(log, log + name)
    os.mkfifo(log + ".4")
    os.symlink("/etc/passwd", log + ".5")
    os.link(log, log + ".6")
    for word in ([], [mount.point.name]):
        done = run(mount.state, *word, "--json")
        assert (done.returncode, [json.loads(line) for line in done.stdout.splitlines()]) == (0, alive)
        assert done.stderr == f"rofuse: {log}: older logs that cannot be read, or are too many: 2\n"
    os.unlink(log + ".4")
    os.unlink(log + ".5")
    assert paths(mount.state, "--path", "/a*") == ["/a1", "/a3"]
    assert paths(mount.state, "--process", alive[2]["process"]["pid"]) == ["/b2"]
    assert paths(mount.state, "--since", alive[1]["time"][:26] + "Z")[-3:] == ["/b1", "/b2", "/a3"]
    assert "/a1" not in paths(mount.state, "--since", alive[1]["time"][:26] + "Z")
    assert paths(None, "--from", log) == ["/a3"], "a file that is named is that file"


def test_of_a_mount_that_is_gone_its_usual_log_is_read(scratch):
    """Without a journal the log of a mount in the background is NAME.log in the state's directory."""
    state, point, layer = scratch / "state", scratch / "web", scratch / "layer"
    point.mkdir()
    layer.mkdir()
    script = ('mount -t tmpfs none /run && "$0" mount --state-dir "$1" --layer "$2" "$3" && ! mkdir "$3/x" && '
              '"$0" umount --state-dir "$1" "$3"')
    subprocess.run(["unshare", "-m", "sh", "-c", script, rofuse_test.BINARY, state, layer, point], check=True, capture_output=True)
    done = run(state, "web", "--json")
    assert [json.loads(line)["path"] for line in done.stdout.splitlines()] == ["/x"]
    assert (done.returncode, done.stderr) == (0, f"rofuse: web is no mount that can be asked here; this is what its log has, {state}/log/web.log\n")
    done = run(state)
    assert (done.returncode, "no mount" in done.stderr) == (1, True)
    done = run(state, "other")
    assert (done.returncode, "other is not a rofuse mount" in done.stderr) == (1, True)


def test_a_log_of_the_past(mount):
    touch(mount, "/a", "/b")
    events = records(mount.state)
    assert records(None, "--from", mount.log_path) == events
    assert records(None, "--from", "-", stdin=mount.log_path.read_text()) == events
    assert paths(None, "--from", mount.log_path, "--path", "/b") == ["/b"]
    spoiled = mount.scratch / "spoiled"
    whole = mount.log_path.read_text().splitlines()
    # In the middle of a rotation, by somebody else's hand, by one who means ill.
    spoiled.write_text("\n".join([whole[0][30:], whole[0], "", "[" * 100000, '{"schema":"rofuse.log/1"}', "x" * (3 << 20), whole[1]]))
    done = run(None, "--from", spoiled, "--json")
    assert (done.returncode, done.stdout.splitlines()) == (0, [whole[0], whole[1]])
    assert "5 lines of the log are no records" in done.stderr
    spoiled.write_text("no\nlog\n")
    done = run(None, "--from", spoiled)
    assert (done.returncode, done.stdout) == (1, "")
    assert "no log in JSON" in done.stderr


@pytest.mark.parametrize("more, status, said", [
    (["--from", "/nowhere/x"], 1, "/nowhere/x: No such file"),
    (["--from", "/"], 1, "Is a directory"),
    (["--from", "x", "name"], 2, "--from"),
    (["--from", "x", "--follow"], 2, "--follow"),
    (["--since", "soon"], 2, '"soon" is no time'),
    (["--process", ""], 2, "give a name or the id"),
    (["--path", "etc/*"], 2, '"etc/*" fits no path'),
    (["--path", ""], 2, "fits no path"),
    (["--format", "xml"], 2, "ecs, ocsf or falco"),
    (["--json", "--format", "ecs"], 2, "--json and --format"),
    (["one", "two"], 2, "one mount point or name"),
    ([""], 2, "one mount point or name"),
    (["/tmp"], 1, "/tmp is not a rofuse mount"),
])
def test_what_cannot_be_shown(scratch, more, status, said):
    done = run(scratch / "state", *more)
    assert (done.returncode, done.stdout) == (status, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_several_mounts(rofuse):
    one, two = rofuse(), rofuse()
    touch(one, "/a")
    touch(two, "/b")
    assert paths(one.state, one.point) == ["/a"]
    assert paths(two.state, two.point.name) == ["/b"]
    done = run(one.state)
    assert done.returncode == 2
    assert one.point.name in done.stderr and two.point.name in done.stderr


def denied_by_python(mount):
    """A record with all that is known of a process: the path, the pid and the arguments of who got it."""
    code = "import os, sys\ntry:\n    os.mkdir(sys.argv[1])\nexcept OSError:\n    print(os.getpid())\n"
    args = ["/usr/bin/python3", "-c", code, str(mount.path("/new"))]
    done = subprocess.run(args, capture_output=True, text=True, check=True, cwd="/usr")
    rofuse_test.wait_until(mount.events, "the record")
    return args, int(done.stdout)


def check(format_name, event, args, pid):
    """The fields of a real denial where each of the schemas wants them."""
    executable = os.path.realpath("/usr/bin/python3")
    jsonschema.validate(event, {"ecs": ECS, "ocsf": OCSF, "falco": FALCO}[format_name])
    if format_name == "ecs":
        assert event["event"]["type"] == ["denied", "creation"] and event["event"]["action"] == "mkdir"
        assert event["file"] == {"path": "/new", "name": "new", "directory": "/", "type": "dir"}
        process = event["process"]
        assert (process["pid"], process["executable"], process["args"]) == (pid, executable, args)
        assert (process["working_directory"], process["parent"]["pid"], event["user"]["id"]) == ("/usr", os.getpid(), "0")
    elif format_name == "ocsf":
        assert (event["activity_id"], event["type_uid"]) == (1, 100101)
        assert event["file"] == {"name": "new", "path": "/new", "parent_folder": "/", "type_id": 2}
        process = event["actor"]["process"]
        assert (process["pid"], process["file"]["path"], process["cmd_line"]) == (pid, executable, " ".join(args))
        assert process["parent_process"]["pid"] == os.getpid()
        assert abs(event["time"] / 1000 - time.time()) < 3600
    else:
        fields = event["output_fields"]
        assert (fields["fd.name"], fields["evt.type"], fields["proc.cwd"]) == ("/new", "mkdir", "/usr")
        assert (fields["proc.pid"], fields["proc.ppid"], fields["proc.exepath"]) == (pid, os.getpid(), executable)
        assert fields["proc.cmdline"] == " ".join(args) and fields["user.uid"] == 0
        assert " mkdir /new EROFS " in event["output"]


def test_formats_of_others(mount):
    args, pid = denied_by_python(mount)
    for name in ("ecs", "ocsf", "falco"):
        shown = lines(mount.state, "--format", name)
        assert len(shown) == 1
        check(name, json.loads(shown[0]), args, pid)


@pytest.mark.parametrize("name", ["ecs", "ocsf", "falco"])
def test_a_mount_ships_formats_of_others(rofuse, name):
    mount = rofuse(extra=["--log-format", name])
    args, pid = denied_by_python(mount)
    check(name, mount.events()[0], args, pid)
    status = json.loads(subprocess.run([rofuse_test.BINARY, "status", "--json", f"--state-dir={mount.state}"],
                                       capture_output=True, check=True).stdout)
    assert status["mounts"][0]["logs"][0]["format"] == name
    # The daemon's own memory is in rofuse.log/1 all the same; a file that is not, is no log to read.
    assert paths(mount.state) == ["/new"]
    mount.kill()
    done = run(mount.state)
    assert (done.returncode, "no file in JSON" in done.stderr) == (1, True)


def test_output_that_cannot_be_written(mount):
    touch(mount, "/a")
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run(words(mount.state), stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert "cannot write to stdout" in done.stderr
