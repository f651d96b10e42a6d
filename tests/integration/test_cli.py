"""The command line: help, wrong arguments, things that cannot be done; one clear line, nothing left behind."""

import os
import re
import subprocess

import pytest
import rofuse_test

KNOWN_WORDS = ["mount", "umount", "status", "run", "config", "image", "bundle", "facts", "log", "watch"]


def run(*words, **kwargs):
    """rofuse WORDS… to its end."""
    return subprocess.run([rofuse_test.BINARY, *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, errors="surrogateescape", check=False, timeout=120, **kwargs)


def mounts_below(path):
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as table:
        points = [line.split()[4] for line in table]
    return [point for point in points if (point + "/").startswith(f"{path}/")]


def tree(path):
    """Every path below a directory, but the daemon's own empty directories and its lock."""
    ours = {"state", "state/run", "state/volumes", "state/log", "state/run/.lock"}
    found = {str(entry.relative_to(path)) for entry in path.rglob("*")}
    return found - ours


def assert_one_line(result, *words):
    """stderr is one line of ours that has the words; nothing on stdout."""
    assert result.stdout == ""
    lines = result.stderr.split("\n")
    assert len(lines) == 2 and lines[1] == "", result.stderr
    assert lines[0].startswith("rofuse: "), result.stderr
    for word in words:
        assert word in lines[0], result.stderr


@pytest.fixture
def place(scratch):
    """A layer, a mount point, what else the cases need; checks that a failed command changed nothing of it."""
    (scratch / "layer" / "etc").mkdir(parents=True)
    (scratch / "layer" / "etc" / "file").write_text("x")
    (scratch / "mnt").mkdir()
    (scratch / "file").write_text("no directory")
    (scratch / "dangling").symlink_to("nowhere")
    before = tree(scratch), mounts_below(scratch)
    yield scratch
    assert (tree(scratch), mounts_below(scratch)) == before


# What is typed, and what the line about it must name. "@" stands for the scratch directory.
USAGE = [
    (["mount"], ["no mount point", "--help"]),
    (["mount", ""], ["no mount point"]),
    (["mount", "@/mnt", "@/other"], ["one mount point too many", "/mnt", "/other"]),
    (["mount", "--tpmfs", "/tmp", "@/mnt"], ["--tpmfs", "rofuse mount --help"]),
    (["mount", "-x", "@/mnt"], ["-x", "--help"]),
    (["mount", "@/mnt", "--layer"], ["--layer", "--help"]),
    (["mount", "--layer", "", "@/mnt"], ["--layer", "empty"]),
    (["mount", "--state-dir", "", "@/mnt"], ["--state-dir", "empty"]),
    (["mount", "--foreground=no", "@/mnt"], ["--foreground", "no value"]),
    (["status", "--json=no"], ["--json", "no value"]),
    (["ps"], ['"ps" is no command', "rofuse status"]),
    (["logs"], ['"logs" is no command', "write rofuse log"]),
    (["run", "nginx:1"], ["no Compose file", "--compose FILE", "--image nginx:1"]),
    (["image"], ["image: no command is given", "import", "--help"]),
    (["image", "list"], ['"list" is no command of image', "ls", "--help"]),
    # sizes and numbers
    (["mount", "--tmpfs", "/tmp:size=64q", "@/mnt"], ["--tmpfs /tmp:size=64q", "size", "64q", "64m"]),
    (["mount", "--tmpfs", "/tmp:size=", "@/mnt"], ["--tmpfs", "size"]),
    (["mount", "--tmpfs", "/tmp:size", "@/mnt"], ["--tmpfs", "size=VALUE"]),
    (["mount", "--tmpfs", "/tmp:size=-1", "@/mnt"], ["--tmpfs", "-1"]),
    (["mount", "--tmpfs", "/tmp:size=101%", "@/mnt"], ["--tmpfs", "101%"]),
    (["mount", "--tmpfs", "/tmp:size=99999999999g", "@/mnt"], ["--tmpfs", "99999999999g"]),
    (["mount", "--tmpfs", "/tmp:size=1m,size=2m", "@/mnt"], ["--tmpfs", "size=1m", "size=2m", "one of them"]),
    (["mount", "--tmpfs", "/tmp:mode=888", "@/mnt"], ["--tmpfs", "mode", "888", "octal"]),
    (["mount", "--tmpfs", "/tmp:uid=root", "@/mnt"], ["--tmpfs", "uid", "root"]),
    (["mount", "--tmpfs", "/tmp:nr_inodes=many", "@/mnt"], ["--tmpfs", "nr_inodes", "many"]),
    (["mount", "--mount", "type=tmpfs,target=/tmp,tmpfs-size=big", "@/mnt"], ["--mount", "tmpfs-size", "big"]),
    (["mount", "--mount", "type=tmpfs,target=/tmp,tmpfs-mode=rwx", "@/mnt"], ["--mount", "tmpfs-mode", "rwx"]),
    # words
    (["mount", "--tmpfs", "/tmp:noexce", "@/mnt"], ["--tmpfs", "noexce", "noexec"]),
    (["mount", "--tmpfs", "/tmp:", "@/mnt"], ["--tmpfs", "colon"]),
    (["mount", "--tmpfs", "/tmp:ro,,rw", "@/mnt"], ["--tmpfs", "empty"]),
    (["mount", "--tmpfs", "/tmp:ro,rw", "@/mnt"], ["--tmpfs", "ro", "rw", "contradict"]),
    (["mount", "--tmpfs", "tmp", "@/mnt"], ["--tmpfs", "tmp", "absolute"]),
    (["mount", "--tmpfs", "", "@/mnt"], ["--tmpfs", "empty"]),
    (["mount", "--tmpfs", "/", "@/mnt"], ["--tmpfs", "root"]),
    (["mount", "-v", "data:/data:readonly", "@/mnt"], ["-v", "readonly", "ro"]),
    (["mount", "-v", "data:/data:ro:rw", "@/mnt"], ["-v", "colons"]),
    (["mount", "-v", "da ta:/data", "@/mnt"], ["-v", "da ta", "volume"]),
    (["mount", "-v", "data:data", "@/mnt"], ["-v", "data", "absolute"]),
    (["mount", "-v", "/host:/data:nocopy", "@/mnt"], ["-v", "nocopy"]),
    (["mount", "--volume", ":/data", "@/mnt"], ["--volume", "empty"]),
    (["mount", "--mount", "type=volume,target=/data,sauce=data", "@/mnt"], ["--mount", "sauce", "source"]),
    (["mount", "--mount", "type=image,source=x,target=/data", "@/mnt"], ["--mount", "type=image", "not supported"]),
    (["mount", "--mount", "type=npipe,source=x,target=/data", "@/mnt"], ["--mount", "type=npipe", "not supported"]),
    (["mount", "--mount", "type=cluster,source=x,target=/data", "@/mnt"], ["--mount", "type=cluster", "not supported"]),
    (["mount", "--mount", "type=disk,target=/data", "@/mnt"], ["--mount", "disk", "volume, bind or tmpfs"]),
    (["mount", "--mount", "type=volume,source=data", "@/mnt"], ["--mount", "target"]),
    (["mount", "--mount", "type=bind,target=/data", "@/mnt"], ["--mount", "source"]),
    (["mount", "--mount", "type=tmpfs,source=x,target=/data", "@/mnt"], ["--mount", "source"]),
    (["mount", "--mount", "type=bind,source=/x,target=/d,tmpfs-size=1m", "@/mnt"], ["--mount", "tmpfs-size", "bind"]),
    (["mount", "--mount", "target=/data,readonly=maybe", "@/mnt"], ["--mount", "readonly", "maybe"]),
    (["mount", "--mount", "target=/data,volume-subpath=../x", "@/mnt"], ["--mount", "volume-subpath", ".."]),
    (["mount", "--mount", "target=/data,target=/data", "@/mnt"], ["--mount", "target", "twice"]),
    (["mount", "--mount", 'target="/data', "@/mnt"], ["--mount", "quote"]),
    # a target given twice
    (["mount", "--tmpfs", "/data", "--tmpfs", "/data", "@/mnt"], ["--tmpfs /data", "already"]),
    (["mount", "--tmpfs", "/data", "-v", "data:/x/../data/", "@/mnt"], ["-v", "/data", "--tmpfs"]),
    (["mount", "-v", "/data", "--mount", "target=/data", "@/mnt"], ["--mount", "/data", "-v"]),
    # logs and names
    (["mount", "--log", "syslog", "@/mnt"], ["--log", "syslog", "journald"]),
    (["mount", "--log", "file:", "@/mnt"], ["--log", "file:"]),
    (["mount", "--log", "-", "--log", "-", "@/mnt"], ["--log", "twice"]),
    (["mount", "--log", "file:@/a", "--log", "file:@/layer/../a", "@/mnt"], ["--log", "twice"]),
    (["mount", "--log-format", "xml", "@/mnt"], ["--log-format", "xml", "json"]),
    (["mount", "--log-fold", "often", "@/mnt"], ["--log-fold", "often", "off"]),
    (["mount", "--log-fold", "10s", "@/mnt"], ["--log-fold", "10s"]),
    (["mount", "--log-fold", "99999999", "@/mnt"], ["--log-fold", "99999999"]),
    (["mount", "--name", "a/b", "@/mnt"], ["--name", "a/b"]),
    (["mount", "--name", "", "@/mnt"], ["--name"]),
    (["mount", "--name", ".hidden", "@/mnt"], ["--name", ".hidden"]),
    # the other commands
    (["umount"], ["MOUNTPOINT", "--help"]),
    (["umount", "@/mnt", "@/other"], ["one mount point"]),
    (["umount", "--lazy", "@/mnt"], ["--lazy", "rofuse umount --help"]),
    (["status", "@/mnt", "@/other"], ["one mount point"]),
    (["status", "--jsno"], ["--jsno", "rofuse status --help"]),
    ([], ["command", "--help"]),
    (["mont", "@/mnt"], ["mont", "--help"]),
    (["--mount"], ["--mount", "--help"]),
]


@pytest.mark.parametrize("words, named", USAGE, ids=lambda value: " ".join(value)[:60] or "none")
def test_wrong_arguments(words, named, place):
    words = [word.replace("@", str(place)) for word in words]
    if words[:1] == ["mount"]:
        words[1:1] = ["--layer", str(place / "layer")] + ([] if "--state-dir" in words else
                                                          ["--state-dir", str(place / "state")])
    result = run(*words)
    assert result.returncode == 2, result
    assert_one_line(result, *named)


def test_a_service_of_the_file_that_the_environment_names(place):
    """There is no Compose file in the usual place, and need not be."""
    result = run("run", "nginx:1", env={**os.environ, "COMPOSE_FILE": str(place / "none.yaml")}, cwd=place / "layer")
    assert result.returncode != 0
    assert_one_line(result, "none.yaml")


def test_what_was_typed_cannot_break_the_line(place):
    """Newlines and terminal escapes in a word, and bytes that are not UTF-8."""
    for word in [b"/tmp:a\nb", b"/tmp:\x1b[2J", b"/tmp:\xff", b"x\ny", b"\x1b]0;x\x07"]:
        for option in ["--tmpfs", "-v", "--mount", "--log", "--name", "--log-format"]:
            result = run("mount", "--state-dir", place / "state", option, os.fsdecode(word), place / "mnt")
            assert result.returncode in (1, 2), result
            assert_one_line(result, option)
            assert all(char.isprintable() for char in result.stderr.rstrip("\n")), result.stderr
    result = run("mount", "--state-dir", place / "state", "--no\nsuch\x1b[2J", place / "mnt")
    assert result.returncode == 2
    assert_one_line(result)


def each_failure(place):
    """(arguments, words of the line): asked for rightly, cannot be done."""
    layer, point = ["--layer", place / "layer"], place / "mnt"
    yield ["--layer", place / "none", point], ["--layer", "/none", "No such file", "directory"]
    yield ["--layer", place / "file", point], ["--layer", "/file", "Not a directory"]
    yield [*layer, "--layer", place / "dangling", point], ["--layer", "/dangling", "No such file"]
    yield [*layer, place / "none"], ["mount point", "/none", "make the directory"]
    yield [*layer, place / "none" / "deeper"], ["mount point", "/none/deeper", "make the directory"]
    yield [*layer, place / "file"], ["mount point", "/file", "not a directory"]
    yield [*layer, place / "file" / "below"], ["mount point", "Not a directory", "existing directory"]
    yield [*layer, place / "dangling"], ["mount point", "/dangling", "No such file"]
    yield [*layer, "/"], ["mount point", "/", "mount already"]
    yield [*layer, "/proc"], ["mount point", "/proc", "proc"]
    yield [*layer, "--log", f"file:{place}/none/log", point], ["--log", "/none/log", "make its directory"]
    yield [*layer, "--log", f"file:{place}/layer", point], ["--log", "/layer", "Is a directory"]
    yield [*layer, "--log", f"file:{point}/log", point], ["--log", "below the mount point"]
    yield [*layer, "--state-dir", point / "state", point], ["state", "below the mount point", "--state-dir"]
    yield [*layer, "--state-dir", place / "file", point], ["--state-dir", "Not a directory"]
    yield [*layer, "--mount", f"type=bind,source={place}/none,target=/x", point], ["/none", "No such file"]
    yield [*layer, "--tmpfs", "/etc/file/x", point], ["/etc/file"]


FAILURES = 17


@pytest.mark.parametrize("mode", ["foreground", "background"])
@pytest.mark.parametrize("number", range(FAILURES))
def test_what_cannot_be_done(number, mode, place):
    cases = list(each_failure(place))
    assert len(cases) == FAILURES
    words, named = cases[number]
    if "--state-dir" not in words:
        words = ["--state-dir", place / "state", *words]
    result = run("mount", *(["--foreground"] if mode == "foreground" else []), *words)
    assert result.returncode == 1, result
    assert_one_line(result, *named)


@pytest.mark.skipif(os.path.exists("/run/systemd/journal/socket"), reason="there is a journal here")
def test_no_journal(place):
    result = run("mount", "--state-dir", place / "state", "--log", "journald", place / "mnt")
    assert result.returncode == 1
    assert_one_line(result, "--log journald", "file:PATH")


def test_mount_points_that_are_in_use(scratch, rofuse):
    point, below = scratch / "a", scratch / "b"
    point.mkdir()
    (scratch / "free").mkdir()
    (below / "x y").mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "none", point], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "none", below / "x y"], check=True)
    mount = rofuse()
    state = ["--state-dir", mount.state]
    for words, named in [
        ([point], ["/a", "mount already", "tmpfs", "another directory"]),
        ([below], ["/b", "not empty of other mounts", "/b/x y"]),
        ([mount.point], [str(mount.point), "rofuse umount"]),
        ([f"{mount.point}/../{mount.point.name}/."], [str(mount.point), "rofuse umount"]),
        (["--name", mount.point.name, scratch / "free"], ["--name", mount.point.name, str(mount.point), "another"]),
    ]:
        before = mounts_below(scratch)
        result = run("mount", *state, *words)
        assert result.returncode == 1, result
        assert_one_line(result, *named)
        assert mounts_below(scratch) == before
        assert len(list((mount.state / "run").glob("*.json"))) == 1
    assert mount.process.poll() is None and os.listdir(mount.point)


@pytest.mark.parametrize("words", [["umount", "@/mnt"], ["umount", "@/none"], ["umount", "nobody"], ["umount", "/"],
                                   ["status", "@/mnt"], ["status", "nobody"], ["status", "/proc"]], ids=" ".join)
def test_no_such_mount(words, place):
    words = [word.replace("@", str(place)) for word in words]
    result = run(words[0], "--state-dir", place / "state", *words[1:])
    assert result.returncode == 1
    assert_one_line(result, words[1], "not a rofuse mount")


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["help"]] + [[word, "--help"] for word in KNOWN_WORDS] +
                         [["mount", "-h"]], ids=" ".join)
def test_help(words):
    result = run(*words)
    assert result.returncode == 0 and result.stderr == ""
    assert "Usage:" in result.stdout and "Example" in result.stdout
    assert re.search(r"^ +rofuse (mount|umount|status|facts|log|watch|run|config|image|bundle)( |$)", result.stdout, re.MULTILINE)
    assert max(map(len, result.stdout.split("\n"))) <= 120
    if words[0] in KNOWN_WORDS:
        assert f"rofuse {words[0]}" in "".join(result.stdout.split("\n")[:2])
        assert words[0] == "image" or "--state-dir" in result.stdout
        assert "exit status" in result.stdout and result.stdout.isascii()


def test_help_names_every_option():
    said = run("mount", "--help").stdout
    for option in ["--layer", "--tmpfs", "--volume", "-v", "--mount", "--log", "--log-format", "--log-fold", "--name",
                   "--state-dir", "--foreground"]:
        assert re.search(rf"^  .*{re.escape(option)}\b", said, re.MULTILINE), option


@pytest.mark.parametrize("words", [["log"], ["route"], ["route", "add"]], ids=" ".join)
def test_help_of_a_command(words):
    """By the word help as well."""
    done = run("help", *words)
    assert (done.returncode, done.stderr) == (0, "") and done.stdout == run(*words, "--help").stdout
    assert "rofuse " + " ".join(words) in done.stdout
    assert '"nothing" is no command' in run("help", "nothing").stderr


def test_version():
    result = run("--version")
    assert (result.returncode, result.stderr) == (0, "")
    assert re.fullmatch(r"rofuse \d+\.\d+\.\d+\n", result.stdout)


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["status"], ["status", "--json"], ["mount", "--help"]],
                         ids=" ".join)
def test_output_that_cannot_be_written(words, scratch):
    extra = ["--state-dir", scratch / "state"] if words[0] == "status" else []
    with open("/dev/full", "w", encoding="ascii") as full:
        result = subprocess.run([rofuse_test.BINARY, *words, *extra], stdout=full, stderr=subprocess.PIPE, text=True,
                                check=False)
    assert result.returncode == 1
    assert result.stderr == "rofuse: cannot write to stdout: No space left on device\n"
