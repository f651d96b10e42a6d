"""Real programs that are refused: what the daemon makes of it, and by what it decided that; and the command facts."""

import json
import os
import subprocess
import sys
import threading
import time

from control import Control
import facts
import pytest
import rofuse_test
from terminal import Terminal

ENTER = 'mount --bind /dev "$0/dev" && exec chroot "$0" /usr/bin/env -C "$@"'

SCRIPTS = {
    "probe.sh": "touch /etc/probe.conf 2>/dev/null || echo 'info: can not modify'\nexit 0\n",
    "loud.sh": "touch /etc/loud.conf\nexit 0\n",
    "quiet.sh": "mkdir /srv/quiet 2>/dev/null\nexit 0\n",
    "step.sh": "cp /etc/passwd /etc/copy\nexit 0\n",
    "dies.sh": "set -e\nmkdir -p /srv/dies/deep\necho never\n",
    "outer.sh": "sh /app/inner.sh\nexit 0\n",
    "inner.sh": "set -e\nmkdir /srv/inner\n",
    "passwd.sh": "set -e\nsed -i s/root/toor/ /etc/passwd\n",
    "or_true.sh": "set -e\nmkdir /data/or-true || true\nexit 0\n",
    "mod.py": "x = 1\n",
}

# Directory to start in, words; and of each place: class, because, what the reason says.
CASES = {
    "a probe in a script that goes on": (
        ["/app", "sh", "/app/probe.sh"], {"/etc/probe.conf": ("probe", "asked", "touch exited with status 1")}),
    "touch that may be heard is a question, too": (
        ["/app", "sh", "/app/loud.sh"], {"/etc/loud.conf": ("probe", "asked", "ended well")}),
    "a step that speaks to nobody": (
        ["/app", "sh", "/app/quiet.sh"], {"/srv/quiet": ("probe", "asked", "/dev/null")}),
    "a step that failed": (
        ["/app", "sh", "/app/step.sh"], {"/etc/copy": ("tolerated", "step-failed", "cp exited with status 1")}),
    "a script that ends with its step": (
        ["/app", "sh", "/app/dies.sh"], {"/srv/dies": ("fatal", "ended-last", "which ran it, exited with status 1")}),
    "a script in a script": (
        ["/app", "sh", "/app/outer.sh"], {"/srv/inner": ("tolerated", "step-failed", "ended well")}),
    "sed in an entry point": (
        ["/app", "sh", "/app/passwd.sh"], {"/etc/sed*": ("fatal", "ended-last", "sed exited with status 4")}),
    "a temporary file of Python's": (
        ["/app", "python3", "-c", "import tempfile; tempfile.TemporaryFile()"],
        {"/tmp/*": ("fatal", "ended-last", "python3 exited with status 1")}),
    "a here-document": (
        ["/app", "bash", "-c", 'wc -c <<< "$(head -c 200000 /dev/zero | tr "\\0" x)"; exit 0'],
        {"/tmp/sh-thd.*": ("tolerated", "step-failed", "the bash that ran it ended well")}),
    "a signal": (
        ["/app", "sh", "-c", "echo x > /etc/killed; kill -ABRT $$"], {"/etc/killed": ("fatal", "ended-last", "signal 6")}),
    # As the kernel does with all of a container whose first process has ended.
    "somebody else's signal": (
        ["/app", "sh", "-c", "echo x > /etc/ended; kill -KILL $$"], {"/etc/ended": ("open", "not-seen", "stopped from outside")}),
    "an entry point that becomes its program": (
        ["/app", "bash", "-c", "exec python3 -c 'open(\"/srv/becomes\", \"w\")'"],
        {"/srv/becomes": ("fatal", "ended-last", "python3 exited with status 1")}),
    "a program that goes on": (
        ["/app", "python3", "-c", "import os, time\ntry:\n    os.mkdir('/srv/on')\nexcept OSError:\n    time.sleep(600)"],
        {"/srv/on": ("tolerated", "went-on", "went on for 5 s")}),
    "a step that may fail": (
        ["/app", "sh", "/app/or_true.sh"],
        {"/data/or-true": ("tolerated", "step-failed", "mkdir exited with status 1, and sh, which ran it, ended well")}),
    "what a server runs by system(3)": (
        ["/app", "python3", "-c", "import os, time\nos.system('mkdir /data/system; exit 3')\ntime.sleep(600)"],
        {"/data/system": ("tolerated", "step-failed",
                         "mkdir exited with status 1, then sh exited with status 3, and python3, which ran that, went on")}),
    "a server's worker": (
        ["/app", "python3", "-c", "import os, time\nif os.fork() == 0:\n    open('/data/worker', 'w')\ntime.sleep(600)"],
        {"/data/worker": ("tolerated", "step-failed", "python3 exited with status 1, and the python3 that ran it went on")}),
    "without which the server ends": (
        ["/app", "python3", "-c", "import os\nif os.system('mkdir /data/needed; exit 3') != 0:\n    raise SystemExit(5)"],
        {"/data/needed": ("fatal", "ended-last", "in the end python3, which exited with status 5")}),
    "a program in a script that goes on": (
        ["/app", "sh", "-c", "python3 -c 'open(\"/data/program\", \"w\")' || true; exit 0"],
        {"/data/program": ("fatal", "ended-last", "python3 exited with status 1")}),
    "one that is stopped": (
        ["/app", "python3", "-c", "import os\ntry:\n    os.mkdir('/data/stopped')\nexcept OSError:\n    os.kill(os.getpid(), 15)"],
        {"/data/stopped": ("open", "not-seen", "signal 15")}),
    "one refusal after the other": (
        ["/app", "python3", "-c", "import os\ntry:\n    os.mkdir('/srv/first')\nexcept OSError:\n    open('/srv/second', 'w')"],
        {"/srv/first": ("fatal", "ended-earlier", "the last that was refused before was /srv/second"),
         "/srv/second": ("fatal", "ended-last", "exited with status 1")}),
    "Python's byte code": (
        ["/app", "python3", "-c", "import mod; raise SystemExit(1)"], {"/app/**/__pycache__/*": ("probe", "noise", "goes on")}),
}


@pytest.fixture(scope="module")
def mount(tmp_path_factory):
    """On which all programs run at once; until it is decided what each refusal was."""
    scratch = tmp_path_factory.mktemp("facts")
    layer = scratch / "layer"
    for name in ("app", "data", "dev", "etc", "proc", "srv", "tmp", "usr", "var/tmp"):
        (layer / name).mkdir(parents=True)
    for name in ("bin", "lib", "lib64", "sbin"):
        os.symlink(f"usr/{name}", layer / name)
    (layer / "etc" / "passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    for name, text in SCRIPTS.items():
        (layer / "app" / name).write_text(text)
    made = rofuse_test.Mount(scratch, layers=[layer], mount=["type=bind,source=/usr,target=/usr,readonly"])
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
    programs = [subprocess.Popen(["unshare", "--mount", "sh", "-c", ENTER, str(made.point), *words], env=environment,
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
                for words, _ in CASES.values()]
    try:
        wanted = {place for _, places in CASES.values() for place in places}
        deadline = time.monotonic() + 60
        while not wanted <= {fact["place"] for fact in facts.document(made)["facts"]}:
            assert time.monotonic() < deadline, (wanted - {fact["place"] for fact in facts.document(made)["facts"]},
                                                 [program.poll() for program in programs])
            time.sleep(0.05)
        facts.settled(made)
        yield made
    finally:
        for program in programs:
            program.kill()
            program.communicate()
        made.end()
        made.check_daemon_output()


@pytest.fixture(scope="module")
def told(mount):
    return facts.settled(mount)


@pytest.mark.parametrize("case", CASES)
def test_class(told, case):
    for place, (word, because, reason) in CASES[case][1].items():
        fact = facts.one(told, place)
        assert (fact["class"], fact["because"]) == (word, because), fact["reason"]
        assert reason in fact["reason"]


def test_nothing_else(told):
    assert {fact["place"] for fact in told} == {place for _, places in CASES.values() for place in places}


def test_directories_in_turn_are_one_fact(told):
    fact = facts.one(told, "/tmp/*")
    assert (fact["directory"], fact["alternatives"]) == ("/tmp", ["/var/tmp", "/app"])
    assert fact["count"] >= 3 and fact["knowledge"]["id"] == "python-tempfile"


def test_what_is_told_of_a_process(told):
    fact = facts.one(told, "/srv/dies")
    assert fact["executable"] == "/usr/bin/mkdir" and fact["args"][:2] == ["mkdir", "-p"]
    assert fact["parents"][0] in ("/usr/bin/dash", "/usr/bin/bash") and fact["uid"] == 0
    assert fact["operations"] == ["mkdir"] and fact["directory"] == "/srv" and fact["why"] == "not-declared"
    assert facts.one(told, "/etc/sed*")["knowledge"]["id"] == "passwd-rewrite"


def command(*words):
    return subprocess.run([rofuse_test.BINARY, "facts", *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, check=False, timeout=60)


def test_command(mount, told):
    done = command("--state-dir", mount.state)
    assert done.returncode == 0 and done.stderr == ""
    lines = done.stdout.split("\n")
    at = next(number for number, line in enumerate(lines) if line.startswith("fatal      /srv/dies "))
    assert "mkdir  mkdir  once, " in lines[at] and lines[at + 1].startswith("           mkdir exited with status 1, ")
    assert "           then in /var/tmp, /app\n           known to help: --tmpfs /tmp:mode=1777\n" in done.stdout
    classes = [line.split()[0] for line in lines if line and line[0] != " "]
    assert classes == sorted(classes, key=["fatal", "open", "tolerated", "probe"].index) and len(classes) == len(told)
    asked = command("--state-dir", mount.state, "--json", mount.point)
    assert facts.validate(json.loads(asked.stdout))["facts"] == told


def test_from_a_log(mount, told):
    """The same facts as those of the daemon; but how the programs went on is in no log."""
    done = command("--json", "--from", mount.log_path)
    read = facts.validate(json.loads(done.stdout))
    assert read["mount"] == mount.point.name and done.stderr == ""
    assert {(fact["id"], fact["place"], fact["count"]) for fact in read["facts"]} == {
        (fact["id"], fact["place"], fact["count"]) for fact in told}
    assert {fact["class"] for fact in read["facts"]} == {"open", "probe"}
    assert facts.one(read["facts"], "/app/**/__pycache__/*")["class"] == "probe"
    stdin = subprocess.run([rofuse_test.BINARY, "facts", "--json", "--from", "-"], check=True, capture_output=True,
                           input=b"no record\n" + mount.log_path.read_bytes())
    assert json.loads(stdin.stdout) == read and b"lines of the log that are no records, passed over: 1" in stdin.stderr


def test_from_facts_that_were_kept(mount, told, scratch):
    """The document of the daemon says as much as the daemon, to every command that reads a log."""
    document = command("--state-dir", mount.state, "--json").stdout
    for name, text in (("kept", document), ("short", json.dumps(json.loads(document), separators=(",", ":")))):
        (scratch / name).write_text(text)
        assert facts.validate(json.loads(command("--json", "--from", scratch / name).stdout)) == json.loads(document)
    piped = subprocess.run([rofuse_test.BINARY, "facts", "--json", "--from", "-"], check=True, capture_output=True, text=True,
                           input=document)
    assert piped.stdout == document and piped.stderr == ""
    advised = [subprocess.run([rofuse_test.BINARY, "advise", "--json", *words], check=True, capture_output=True, text=True).stdout
               for words in (["--from", scratch / "kept"], ["--state-dir", mount.state])]
    assert {one["place"] for one in json.loads(advised[0])["left_out"]} >= {"/etc/probe.conf", "/etc/copy"}
    assert [json.loads(text)["left_out"] for text in advised] == [json.loads(advised[1])["left_out"]] * 2
    gate = [rofuse_test.BINARY, "gate", "--from", scratch / "kept", "--baseline", scratch / "baseline"]
    subprocess.run([*gate, "--update"], check=True, capture_output=True)
    assert subprocess.run(gate, check=False, capture_output=True).returncode == 0
    assert "/srv/dies" in (scratch / "baseline").read_text()


@pytest.mark.parametrize("text, said", [
    ('{"schema": "rofuse.facts/1"', "is no JSON: line 1"), ('{"schema": "rofuse.facts/1"}', "\"facts\" is missing"),
    ('{"schema":"rofuse.facts/1","facts":[{}]}', "is missing"), ('{"schema": "rofuse.facts/2", "facts": []}', "is no log"),
    ('{"facts": [], "schema": "rofuse.facts/1"}', "is no log")], ids=str)
def test_documents_that_are_none(scratch, text, said):
    (scratch / "facts").write_text(text)
    done = command("--from", scratch / "facts")
    assert done.returncode == 1 and done.stdout == "" and said in done.stderr and done.stderr.count("\n") == 1, done


@pytest.mark.parametrize("words, status, said", [
    (["a", "b"], 2, "give one mount point"), (["--from", "@log", "mnt"], 2, "two sources"),
    (["--knowledge", "@own"], 2, "goes with --from"), (["--from", "@none"], 1, "cannot open the log"),
    (["--from", "@own"], 1, "is no log in JSON"), (["--from", "@log", "--knowledge", "@log"], 2, "\"schema\" is missing"),
    (["nowhere"], 1, "nowhere is not a rofuse mount")], ids=str)
def test_wrong_words(scratch, words, status, said):
    (scratch / "own").write_text("not JSON\n")
    (scratch / "log").write_text("{}\n")
    done = command("--state-dir", scratch / "state", *(word.replace("@", f"{scratch}/") for word in words))
    assert done.returncode == status and done.stdout == ""
    assert said in done.stderr and done.stderr.count("\n") == 1


def test_own_knowledge(mount, scratch):
    entry = {"id": "ours", "match": {"program": ["mkdir"], "place": ["/srv/dies"]}, "class": "probe", "note": "Well known.",
             "fixes": [{"kind": "none"}]}
    (scratch / "own").write_text(json.dumps({"schema": "rofuse.knowledge/1", "entries": [entry]}))
    done = command("--from", mount.log_path, "--knowledge", scratch / "own")
    assert "           Well known.\n           known to help: nothing, it is well as it is\n" in done.stdout


def test_later_processes_of_a_count(rofuse, scratch):
    """The log has one record and a count; that one of those in the count dies of it is seen nevertheless."""
    (scratch / "layer" / "srv").mkdir(parents=True)
    mount = rofuse(layers=[scratch / "layer"], fold=600)
    script = "import os, sys\ntry:\n    os.mkdir('srv/x')\nexcept OSError:\n    sys.exit(int(sys.argv[1]))"
    for status in (0, 0, 7):
        assert subprocess.run([sys.executable, "-c", script, str(status)], cwd=mount.point, check=False).returncode == status
    deadline = time.monotonic() + 60
    while (fact := facts.one(facts.settled(mount), "/srv/x"))["class"] != "fatal":
        assert time.monotonic() < deadline, fact
        time.sleep(0.05)
    assert "exited with status 7" in fact["reason"] and mount.log_path.read_text().count("\n") == 1


def test_at_a_prompt(rofuse, scratch):
    """A person tries things, and leaves by a status that is the last command's: nothing of it was fatal but a program."""
    layer = scratch / "layer"
    for name in ("dev", "srv", "usr"):
        (layer / name).mkdir(parents=True)
    for name in ("bin", "lib", "lib64", "sbin"):
        os.symlink(f"usr/{name}", layer / name)
    mount = rofuse(layers=[layer], mount=["type=bind,source=/usr,target=/usr,readonly"])
    for shell in (["bash", "--norc", "-i"], ["dash", "-i"]):
        with Terminal(["unshare", "--mount", "sh", "-c", ENTER, mount.point, "/", *shell], env={"PS1": "ready> "}) as terminal:
            terminal.wait("ready>", shell)
            name = f"/srv/{shell[0]}"
            terminal.press(f"python3 -c 'open(\"{name}-program\", \"w\")'; touch {name}-touch; cp /dev/null {name}-cp; (cp /dev/null {name}-subshell); >{name}-own", "enter")
            terminal.wait("-own: ", "the last refusal")
            terminal.press("exit", "enter")
            assert terminal.process.wait() != 0
    told = {fact["place"]: (fact["class"], fact["because"]) for fact in facts.settled(mount)}
    wanted = {"program": ("fatal", "ended-last"), "touch": ("probe", "asked"), "cp": ("tolerated", "step-failed"),
              "subshell": ("tolerated", "step-failed"), "own": ("tolerated", "step-failed")}
    assert told == {f"/srv/{shell}-{word}": one for shell in ("bash", "dash") for word, one in wanted.items()}


def test_waits_until_it_is_seen(rofuse, scratch):
    """Whoever gives time for it is told how the program went on, as soon as that is known."""
    (scratch / "layer" / "srv").mkdir(parents=True)
    mount = rofuse(layers=[scratch / "layer"])
    script = "import os, sys\ntry:\n    os.mkdir('srv/x')\nexcept OSError:\n    print(flush=True)\n    sys.stdin.read()\n    sys.exit(1)"
    with (subprocess.Popen([sys.executable, "-c", script], cwd=mount.point, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program,
          Control(mount) as control):
        program.stdout.readline()
        assert [fact["because"] for fact in control.result("facts", settle_ms=10)["facts"]] in ([], ["waiting"])
        ended = threading.Timer(0.3, program.stdin.close)
        ended.start()
        program_ends = threading.Thread(target=program.wait)
        program_ends.start()
        (fact,) = facts.validate(control.result("facts", settle_ms=10000))["facts"]
        assert (fact["class"], fact["because"]) == ("fatal", "ended-last")
        program_ends.join()
        for wrong in (-1, 10001, "1", 1.5):
            answer = control.ask("facts", settle_ms=wrong)
            assert not answer["ok"] and answer["error"]["status"] == 2 and "10000 at most" in answer["error"]["message"]
