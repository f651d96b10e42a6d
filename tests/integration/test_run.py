"""`rofuse run`: image or Compose file, a program in it, its status, what it tried to write, and nothing left behind."""

import json
import os
import pathlib
import re
import signal
import subprocess
import time

import busybox_image
import facts
import pytest
import rofuse_test
from rofuse_test import wait_until
import runtimes

COMPOSE = """\
services:
  api:
    read_only: true
    x-rofuse:
      image: ./image
    command: [sh, -c, "echo one > /data/one; cat /data/one; echo two > /two"]
    environment:
      GREETING: hello
    tmpfs: /tmp
    volumes:
      - data:/data
volumes:
  data:
"""


@pytest.fixture(name="place", scope="module")
def fixture_place(tmp_path_factory):
    """A directory with layers, made once: what is run in it has state of its own."""
    directory = tmp_path_factory.mktemp("run")
    directory.chmod(0o755)
    layers = busybox_image.make(directory)
    (directory / "image").mkdir()
    busybox_image.copy_flat(layers, directory / "image")
    return directory


@pytest.fixture(name="layers")
def fixture_layers(place):
    return ["--layer", place / "base", "--layer", place / "app"]


def command(scratch, *words):
    return [rofuse_test.BINARY, "run", "--state-dir", str(scratch / "state"), *map(str, words)]


def run(scratch, *words, **kwargs):
    options = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, "check": False, "timeout": 120}
    return subprocess.run(command(scratch, *words), **{**options, **kwargs})


def left(scratch):
    """What runs left in the run-time directory, and mounts below the state."""
    roots = scratch / "state" / "run" / "roots"
    with open("/proc/self/mountinfo", encoding="utf-8") as table:
        mounts = [line.split()[4] for line in table if f" {scratch}/" in line]
    return (sorted(os.listdir(roots)) if roots.is_dir() else []) + mounts


def report(scratch, *words):
    """The report of a run, as JSON, and the run."""
    path = scratch / "report.json"
    result = run(scratch, "--report", f"json:{path}", *words)
    return json.loads(path.read_text()), result


@pytest.mark.parametrize("words, status", [
    (["true"], 0), (["false"], 1), (["sh", "-c", "exit 42"], 42), (["sh", "-c", "kill -9 $$"], 137),
    (["no-such-program"], 127), (["/etc/passwd"], 126)], ids=str)
def test_status_is_the_programs(scratch, layers, words, status):
    result = run(scratch, "--report", "none", *layers, "--", *words)
    assert result.returncode == status, result
    assert bool(result.stderr) == (status in (126, 127)), result.stderr
    assert result.stderr.count("\n") <= 1
    assert not left(scratch)


def test_output_input_and_variables(scratch, layers):
    result = run(scratch, "--report", "none", *layers, "-e", "A=1", "-e", "HELD", "-e", "NOT_SET_ANYWHERE", "-w", "/etc",
                 "--hostname", "box", "--", "sh", "-c", 'read line; echo "$line $A $HELD"; pwd; hostname; env; exit 3',
                 input="typed\n", stdin=None, env={**os.environ, "HELD": "from here"})
    assert result.returncode == 3
    said = result.stdout.splitlines()
    assert said[:3] == ["typed 1 from here", "/etc", "box"]
    assert {"HOME=/root", "HOSTNAME=box"} <= set(said)
    assert "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" in said
    assert not any(line.startswith("NOT_SET_ANYWHERE") for line in said)


def test_user_of_the_image(scratch, layers):
    for user, wanted in (("app", "1000:1000"), ("1000:0", "1000:0"), ("12", "12:0")):
        result = run(scratch, "--report", "none", *layers, "--user", user, "--", "sh", "-c", "echo $(id -u):$(id -g)")
        assert (result.returncode, result.stdout) == (0, f"{wanted}\n"), result
    result = run(scratch, *layers, "--user", "nobody-knows", "--", "true")
    assert result.returncode == 1 and "nobody-knows" in result.stderr and result.stderr.count("\n") == 1
    assert not left(scratch)


def test_report_proposes_the_directory_that_a_program_wants(scratch, layers):
    """initdb's chmod of its data is the first that fails; of a file it says nothing."""
    told, _ = report(scratch, *layers, "--", "sh", "-c", "chmod 700 /home/app; chmod 600 /app/config; exit 0")
    assert [(advice["kind"], advice["target"]) for advice in told["declare"]] == [("tmpfs", "/home/app")]
    assert told["denied"] == 2


@pytest.mark.parametrize("runtime", ["builtin", "runc"])
def test_a_writable_etc_has_the_made_files(scratch, layers, runtime):
    result = run(scratch, "--report", "none", *layers, "--tmpfs", "/etc", "--runtime", runtime, "--hostname", "box", "--",
                 "sh", "-c", "cat /etc/hostname; echo x > /etc/new && ls /etc")
    assert result.returncode == 0 and result.stdout.split() == ["box", "hostname", "hosts", "new", "resolv.conf"], result


def test_report_tells_place_process_and_unused_route(scratch, layers):
    told, result = report(scratch, *layers, "--tmpfs", "/tmp", "--tmpfs", "/cache", "--name", "box", "--",
                          "sh", "-c", "echo x > /tmp/x; echo x > /var/x; mkdir /app/new; exit 0")
    assert result.returncode == 0, result
    text = json.dumps(told)
    assert "/var" in text and "EROFS" in text and "/bin/busybox" in text and "/app" in text
    assert [route["target"] for route in told["never_written"]] == ["/cache"]
    shown = run(scratch, *layers, "--tmpfs", "/cache", "--", "sh", "-c", "echo x > /var/x; exit 0")
    assert "/var" in shown.stderr and "/cache" in shown.stderr
    assert not left(scratch)


@pytest.mark.parametrize("status, meant, need", [(1, "fatal", "required"), (0, "tolerated", "optional")])
def test_report_tells_what_a_refusal_meant(scratch, layers, status, meant, need):
    """The daemon has seen how the program ended; the calls that it told only as a count are counted."""
    script = f"for i in 1 2 3 4; do echo x > /home/app/x; done; exit {status}"
    told, result = report(scratch, *layers, "--", "sh", "-c", script)
    assert result.returncode == status, result
    (place,) = told["places"]
    assert (place["class"], place["count"], told["denied"]) == (meant, 4, 4), told
    assert [advice["need"] for advice in told["declare"]] == [need], told


def test_report_without_its_daemon(scratch, layers):
    """A log is left, which does not tell how the program went on."""
    script = "echo x > /tmp/x; echo ready; read line; exit 0"
    with subprocess.Popen(command(scratch, "--report", f"json:{scratch}/report.json", *layers, "--", "sh", "-c", script),
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        (state,), (log,) = (scratch / "state/run").glob("*.json"), (scratch / "state/run/roots").glob("*.jsonl")
        rofuse_test.wait_until(lambda: log.read_bytes().endswith(b"\n"), "the record")
        os.kill(json.loads(state.read_text())["pid"], signal.SIGKILL)
        said = process.communicate("\n", timeout=60)[1]
    assert "daemon of the mount was ended before" in said, said
    (place,) = json.loads((scratch / "report.json").read_text())["places"]
    assert (place["paths"], place["class"], place["declare"]["option"]) == (["/tmp/x"], "open", "--tmpfs /tmp")


def test_keys_of_the_report_are_in_the_manual(scratch, layers):
    told, _ = report(scratch, *layers, "--tmpfs", "/cache", "--", "sh", "-c", "echo x >/tmp/x; exit 0")
    section = (rofuse_test.ROOT / "src/rofuse.1").read_text().split(".SH OBJECTS IN JSON")[1].split(".SH ")[0]
    (place,), (advice,), (route,) = told["places"], told["declare"], told["never_written"]
    for key in {*told, *place, *advice, *route}:
        assert re.search(rf"\b{key}\b", section), key


def test_report_without_records_names_the_mount(scratch, layers):
    told, _ = report(scratch, *layers, "--name", "box", "--", "true")
    assert (told["mount"], told["denied"]) == ("box", 0)
    assert run(scratch, *layers, "--name", "box", "--", "true").stderr == "rofuse: box: no write was refused\n"


def test_report_file_is_written_where_it_is(scratch, layers):
    """A link (/dev/stdout is one) stays what it is; a longer report from before does not shine through."""
    (scratch / "report").write_text("old" * 1000)
    (scratch / "link").symlink_to("report")
    assert run(scratch, "--report", f"json:{scratch}/link", *layers, "--", "true").returncode == 0
    assert (scratch / "link").is_symlink() and json.loads((scratch / "report").read_text())["denied"] == 0
    early = run(scratch, "--report", f"json:{scratch}/missing/report", *layers, "--", "echo", "ran")
    assert (early.returncode, early.stdout) == (1, "") and f"{scratch}/missing/report" in early.stderr, early
    assert early.stderr.count("\n") == 1 and not left(scratch)


def test_facts_count_what_the_log_has_folded(scratch, layers):
    result = run(scratch, "--facts", scratch / "facts", *layers, "--", "sh", "-c",
                 "for i in 1 2 3 4; do echo >/new; done 2>/dev/null; exit 0")
    document = facts.validate(json.loads((scratch / "facts").read_text()))
    assert document["denied"] == 4 and facts.one(document["facts"], "/new")["count"] == 4
    assert "/new  create, 4 times" in result.stderr


def test_facts_say_how_the_program_went_on(scratch, layers):
    """All that was refused is in them, and what it meant, as soon as the program has ended; the other commands read them."""
    script = "for i in 1 2 3 4; do mkdir /new$i$i$i$i; done; echo > /etc/last"
    died = run(scratch, "--facts", scratch / "facts", *layers, "--", "sh", "-ec", script)
    assert died.returncode == 1
    document = facts.validate(json.loads((scratch / "facts").read_text()))
    assert document["denied"] == 1 and facts.one(document["facts"], "/new*")["class"] == "fatal"
    lived = run(scratch, "--facts", scratch / "facts", *layers, "--", "sh", "-c", script + "; exit 0")
    assert lived.returncode == 0
    document = facts.validate(json.loads((scratch / "facts").read_text()))
    assert document["denied"] == 5 and {fact["class"] for fact in document["facts"]} == {"tolerated"}
    assert facts.one(document["facts"], "/new*")["reason"].endswith("sh, which ran it, ended well")
    early = run(scratch, "--facts", scratch / "missing" / "facts", *layers, "--", "echo", "ran")
    assert (early.returncode, early.stdout) == (1, "") and "name another file with --facts FILE" in early.stderr, early
    assert early.stderr.count("\n") == 1 and not left(scratch)


def test_report_to_a_descriptor_comes_behind_what_is_there(scratch, layers):
    """As >&N in a shell: stdout is a file here, which a report that opened it anew would write over."""
    words = [rofuse_test.BINARY, "run", "--state-dir", str(scratch / "state"), *map(str, layers)]
    for number, name in ((1, "/dev/stdout"), (2, "/dev/stderr"), (1, "/proc/self/fd/1"), (7, "/dev/fd/7")):
        with open(scratch / "out", "wb", buffering=0) as out:
            out.write(b"before\n")
            command = f'exec {number}>&{out.fileno()}; exec "$@"'
            done = subprocess.run(["bash", "-c", command, "-", *words, "--report", f"text:{name}", "--", "echo", "ran"],
                                  capture_output=True, text=True, check=False, timeout=60, pass_fds=[out.fileno()])
        said = "before\n" + ("ran\n" if number == 1 else "") + "rofuse: run: no write was refused\n"
        assert done.returncode == 0 and (scratch / "out").read_text() == said, (name, done)
    wrong = run(scratch, "--report", "text:/dev/fd/99", *layers, "--", "echo", "ran")
    assert (wrong.returncode, wrong.stdout) == (1, "") and "the report /dev/fd/99: Bad file" in wrong.stderr, wrong
    assert not left(scratch)


def test_bwrap_as_a_user_of_the_image(scratch, layers):
    """bwrap runs as that user, to whom the directory of the root is closed."""
    if runtimes.missing("bwrap"):
        pytest.skip("bwrap is not installed")
    for user, wanted in (("app", "1000:1000"), ("root", "0:0")):
        result = run(scratch, "--report", "none", "--runtime", "bwrap", *layers, "--tmpfs", "/tmp:native", "--user", user,
                     "--", "sh", "-c", "echo $(id -u):$(id -g); echo x >/tmp/x; echo x >/app/x")
        assert result.stdout == f"{wanted}\n" and "create /tmp/x" not in result.stderr, result
        assert "/app/x: Read-only file system" in result.stderr
    assert not left(scratch)


@pytest.mark.parametrize("runtime", ["builtin", "bwrap", "runc", "crun"])
def test_runtime_that_fails(scratch, layers, runtime):
    """125, and no report: the status is not the program's. Here the working directory cannot be made."""
    if runtime != "builtin" and runtimes.missing(runtime):
        pytest.skip(f"{runtime} is not installed")
    words = command(scratch, "--runtime", runtime, *layers, "-w", "/no/such", "--", "true")
    result = subprocess.run(runtimes.in_cgroup2(words) if runtime == "crun" else words, stdin=subprocess.DEVNULL,
                            capture_output=True, text=True, check=False, timeout=120)
    assert result.returncode == 125 and "refused" not in result.stderr, result
    line = result.stderr.splitlines()[-1]
    assert "/no/such" in line if runtime in ("builtin", "bwrap") else f"rofuse: {runtime} did not start the program" in line, result
    assert not left(scratch)


def test_service_of_a_compose_file(scratch, place):
    """Found in the working directory, with volumes that outlive the run and carry the project's name."""
    project = scratch / "shop"
    project.mkdir()
    (project / "compose.yaml").write_text(COMPOSE)
    (project / "image").symlink_to(place / "image")
    for _ in range(2):
        result = run(scratch, "--report", "none", "api", cwd=project)
        assert result.stdout == "one\n" and "Read-only" in result.stderr, result
    assert (scratch / "state/volumes/shop_data/_data/one").read_text() == "one\n"
    other = run(scratch, "--report", "none", "api", "--", "sh", "-c", "echo $GREETING; cat /data/one", cwd=project)
    assert other.stdout == "hello\none\n", other
    (project / "compose.yaml").write_text(COMPOSE.replace("tmpfs: /tmp", "cap_drop: [ALL]\n    ports: ['80:80']"))
    noted = run(scratch, "--report", "none", "api", "--", "true", cwd=project)
    assert noted.returncode == 0 and "cap_drop" in noted.stderr and noted.stderr.count("\n") == 1, noted
    for option, says in (("no-new-privileges:true", ""), ("seccomp:unconfined", "security_opt")):
        (project / "compose.yaml").write_text(COMPOSE.replace("tmpfs: /tmp", f"security_opt: ['{option}']"))
        noted = run(scratch, "--report", "none", "api", "--", "true", cwd=project)
        assert says in noted.stderr and bool(noted.stderr) == bool(says), noted
    wrong = run(scratch, "web", cwd=project)
    assert wrong.returncode == 2 and "web" in wrong.stderr and "api" in wrong.stderr
    assert not left(scratch)


def test_anonymous_volumes(scratch, layers):
    volumes = scratch / "state" / "volumes"
    for words, kept in (([], 1), (["--rm"], 1)):
        result = run(scratch, "--report", "none", *layers, *words, "-v", "/cache", "--", "touch", "/cache/x")
        assert result.returncode == 0, result
        assert len(list(volumes.glob("*/_data/x"))) == kept


def test_signals_reach_the_program(scratch, layers):
    """Also as the stop signal of the image, which SIGTERM becomes; see test_run_builtin for all of them."""
    with subprocess.Popen(command(scratch, "--report", "none", *layers, "--", "sh", "-c",
                                  "trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done"),
                          stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        process.terminate()
        assert process.wait(60) == 7
    assert not left(scratch)


def test_kill_9_leaves_nothing(scratch, layers):
    """Neither program, mount nor daemon; the next run takes the rest away."""
    with subprocess.Popen(command(scratch, *layers, "--", "sh", "-c", "echo ready; exec sleep 600"),
                          stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGKILL)
        process.wait(60)
        assert process.stdout.read() == "", "the program ends, too"
    wait_until(lambda: not any("root." in name and not name.endswith(".jsonl") for name in left(scratch)), "the unmount")
    wait_until(lambda: not list((scratch / "state/run").glob("*.json")), "the end of the daemon")
    assert run(scratch, "--report", "none", *layers, "--", "true").returncode == 0
    assert not left(scratch)


def test_two_at_once_have_two_names(scratch, layers):
    words = ["--report", "none", *layers, "--", "sh", "-c", "echo ready; read line"]
    with subprocess.Popen(command(scratch, *words), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as one, \
            subprocess.Popen(command(scratch, *words), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as two:
        assert one.stdout.readline() == two.stdout.readline() == "ready\n"
        names = [path.stem for path in (scratch / "state/run").glob("*.json")]
        assert sorted(names) == ["run", "run-2"]
        for process in (one, two):
            process.stdin.close()
            assert process.wait(60) == 0 or process.returncode == 1
    assert not left(scratch)


@pytest.mark.parametrize("words, wanted", [
    (["--runtime", "docker", "--", "true"], "--runtime"),
    (["--report", "xml", "--", "true"], "--report"),
    (["--report", "json:", "--", "true"], "--report"),
    (["--facts", "", "--", "true"], "--facts"),
    (["-w", "etc", "--", "true"], "--workdir"),
    (["-e", "=x", "--", "true"], "--env"),
    (["true"], "--"),
    ([], "nothing says what to run"),
    (["--image", "", "--", "true"], "--image"),
    (["--tmpfs", "tmp", "--", "true"], "--tmpfs"),
], ids=str)
def test_wrong_words(scratch, layers, words, wanted):
    result = run(scratch, *layers, *words)
    assert result.returncode == 2 and wanted in result.stderr and result.stderr.count("\n") == 1, result
    assert not left(scratch)


def test_bundle_runs_with_runc(scratch, layers):
    """The mount is ours, the rest is the runtime's; without a mount there is one line."""
    bundle = scratch / "bundle"
    (bundle / "rootfs").mkdir(parents=True)
    words = [rofuse_test.BINARY, "bundle", "--state-dir", str(scratch / "state"), *map(str, layers), str(bundle), "--",
             "sh", "-c", "id -u; echo x > /var/x"]
    early = subprocess.run(words, capture_output=True, text=True, check=False)
    assert early.returncode == 1 and "mount it first" in early.stderr and early.stderr.count("\n") == 1
    with open(scratch / "log", "wb"):
        pass
    subprocess.run([rofuse_test.BINARY, "mount", "--state-dir", str(scratch / "state"), *map(str, layers), "--log",
                    f"file:{scratch / 'log'}", str(bundle / "rootfs")], check=True)
    try:
        subprocess.run([*words[:2], "--user", "app", *words[2:]], check=True)
        config = json.loads((bundle / "config.json").read_text())
        assert config["root"] == {"path": str(bundle / "rootfs"), "readonly": False}
        name = f"rofuse-test-{os.getpid()}-{time.monotonic_ns()}"
        result = subprocess.run(["runc", "run", "--bundle", bundle, name], stdin=subprocess.DEVNULL, capture_output=True,
                                text=True, check=False, timeout=120)
        assert result.stdout == "1000\n" and "Read-only file system" in result.stderr, result
        wait_until(lambda: "/var/x" in pathlib.Path(scratch / "log").read_text(), "the record")
    finally:
        subprocess.run([rofuse_test.BINARY, "umount", "--state-dir", str(scratch / "state"), str(bundle / "rootfs")],
                       check=True)
