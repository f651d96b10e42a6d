"""Programs started on a mount, by the built-in runtime and by those of others: one table of what they must find."""

import os
import pathlib
import re
import signal
import stat
import subprocess

import busybox_image
import container
import pytest
from rofuse_test import wait_until
import runtimes

RUNTIMES = ["builtin", "runc", "crun", "bwrap"]
USER = busybox_image.USER
DOCKER_CAPABILITIES = "00000000a80425fb"


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    directory = tmp_path_factory.mktemp("image")
    for parent in (directory, *directory.parents):
        if str(parent).startswith("/tmp/"):
            parent.chmod(0o755)
    layers = busybox_image.make(directory)
    etc = layers[1] / "etc"
    (etc / "passwd").write_text(busybox_image.ETC["passwd"] + "web:x:33:33::/var/www:/bin/sh\n")
    (etc / "group").write_text(busybox_image.ETC["group"] + "www:x:33:\nstaff:x:50:web,app\nlogs:x:4:web\n")
    (layers[1] / "app/broken").write_text("#!/no/such/interpreter\n")
    (layers[1] / "app/broken").chmod(0o755)
    (layers[1] / "app/garbage").write_bytes(b"\x7fELF and nothing else")
    (layers[1] / "app/garbage").chmod(0o755)
    return layers


@pytest.fixture
def root(rofuse, image):
    return rofuse(layers=image, tmpfs=["/tmp"])


@pytest.fixture(params=RUNTIMES)
def runtime(request):
    if request.param != "builtin" and runtimes.missing(request.param):
        pytest.skip(f"{request.param} is not installed")
    return request.param


def said(result):
    assert "cannot" not in result.stderr, result.stderr
    return result.stdout.splitlines()


# What docker's containers show of themselves; each line must be the same with each runtime.
VIEW = r"""
id
grep -E "^(CapEff|CapPrm|NoNewPrivs|Seccomp):" /proc/self/status | tr '\t' ' '
echo "umask $(umask) cwd $(pwd) host $(hostname) env ${KEY:-none} ${HOST_SECRET:-nothing}"
cat /etc/hostname; grep box /etc/hosts | tr '\t' ' '
for d in null zero full random urandom tty; do
    test -c /dev/$d && echo "$d $(stat -c '%t:%T %a' /dev/$d)"
done
for l in fd stdin stdout stderr ptmx; do test -L /dev/$l && readlink /dev/$l; done
echo lost >/dev/null && echo "null takes"
echo shared >/dev/shm/file && cat /dev/shm/file
df -k /dev/shm | tail -n 1 | awk '{print "shm", $2}'
test -d /dev/mqueue && grep -c ' /dev/mqueue mqueue ' /proc/mounts
for f in /etc/resolv.conf /etc/hosts /etc/hostname /etc/new /proc/sys/kernel/hostname /sys/kernel/new; do
    echo x 2>/dev/null >$f && echo "$f can be written"
done
for f in resolv.conf hosts hostname; do (echo x >/etc/$f) 2>&1 | grep -o "Read-only file system"; done
cat /proc/keys /proc/timer_list 2>/dev/null | wc -c
ls /sys/firmware /proc/acpi 2>/dev/null | grep -v : | wc -w
ls /sys/class/net | grep -x lo
"""


def view_of(uid):
    names = {0: "uid=0(root) gid=0(root)", USER: f"uid={USER}(app) gid={USER}(app)"}
    return [
        names[uid],
        f"CapPrm: {DOCKER_CAPABILITIES if uid == 0 else '0' * 16}",
        f"CapEff: {DOCKER_CAPABILITIES if uid == 0 else '0' * 16}",
        "NoNewPrivs: 1",
        "Seccomp: 2",
        "umask 0022 cwd /tmp host box env value nothing",
        "box", "127.0.1.1 box",
        "null 1:3 666", "zero 1:5 666", "full 1:7 666", "random 1:8 666", "urandom 1:9 666", "tty 5:0 666",
        "/proc/self/fd", "/proc/self/fd/0", "/proc/self/fd/1", "/proc/self/fd/2", "pts/ptmx",
        "null takes", "shared", "shm 65536", "1",
        "Read-only file system", "Read-only file system", "Read-only file system",
        "0", "0", "lo",
    ]


@pytest.mark.parametrize("uid", [0, USER], ids=["root", "user"])
def test_view(root, scratch, runtime, uid):
    result = container.run(scratch, root.point, VIEW, runtime=runtime, user=str(uid), working_dir="/tmp",
                           env=[f"PATH={container.PATH}", "KEY=value"])
    lines = said(result)
    # Groups are compared elsewhere; a "/" before "pts" is the one freedom that runtimes take.
    lines[0] = re.sub(r" groups=.*", "", lines[0])
    assert lines == view_of(uid), result
    assert not list(scratch.glob("rofuse-run-*")), "a bundle is left"


def namespaces(script_output):
    return dict(line.split(":", 1) for line in script_output)


def test_namespaces(root, scratch, runtime):
    lines = said(container.run(scratch, root.point, "for n in /proc/self/ns/*; do readlink $n; done", runtime=runtime))
    inside = namespaces(lines)
    outside = namespaces(os.readlink(f"/proc/self/ns/{name}") for name in ("mnt", "pid", "ipc", "uts", "net", "user"))
    same = {name for name, number in outside.items() if inside[name] == number}
    assert same == {"net", "user"}


EXITS = [
    (["true"], 0), (["false"], 1), (["sh", "-c", "exit 42"], 42), (["sh", "-c", "kill -9 $$"], 137),
    (["sh", "-c", "kill -TERM $$; sleep 9"], 143),
    (["no-such-program"], 127), (["/no/such/program"], 127), (["/etc/passwd"], 126), (["/app"], 126),
]


def check_exit(scratch, root, words, status, **spec):
    result = container.run(scratch, root.point, words, **spec)
    assert result.returncode == status, result
    if status in (126, 127):
        lines = result.stderr.splitlines()
        assert len(lines) == 1 and lines[0].startswith("rofuse: ") and words[0] in lines[0], result


@pytest.mark.parametrize("words,status", EXITS, ids=[" ".join(words).replace("/", "_") for words, _ in EXITS])
def test_exit_status(root, scratch, words, status):
    check_exit(scratch, root, words, status)


def test_exit_status_of_other_runtimes(root, scratch, runtime):
    """Not those by a signal: the program of runc and crun is pid 1, which has no default actions."""
    for words, status in EXITS[1], EXITS[2], EXITS[5], EXITS[7]:
        check_exit(scratch, root, words, status, runtime=runtime)


def test_what_cannot_be_executed_is_said(root, scratch):
    broken = container.run(scratch, root.point, ["/app/broken"])
    assert (broken.returncode, "not in the image" in broken.stderr) == (127, True), broken
    garbage = container.run(scratch, root.point, ["/app/garbage"])
    assert garbage.returncode == 126, garbage
    assert "no program of this machine's kind" in garbage.stderr or "cannot be executed" in garbage.stderr


def test_working_directory(root, scratch):
    assert said(container.run(scratch, root.point, "pwd", working_dir="/home/app")) == ["/home/app"]
    # In a declared place it is made, as docker does; elsewhere one line says what to do.
    assert said(container.run(scratch, root.point, "pwd", working_dir="/tmp/new/one")) == ["/tmp/new/one"]
    missing = container.run(scratch, root.point, "pwd", working_dir="/srv/new")
    assert missing.returncode == 125
    assert missing.stderr.count("\n") == 1 and "--tmpfs /srv/new" in missing.stderr, missing.stderr
    file = container.run(scratch, root.point, "pwd", working_dir="/etc/passwd")
    assert (file.returncode, "Not a directory" in file.stderr) == (125, True), file


USERS = [
    ("", "0 0 0"), ("root", "0 0 0"), ("web", "33 33 33 4 50"), ("33", "33 33 33 4 50"), ("web:50", "33 50 50"),
    ("web:staff", "33 50 50"), ("4242", "4242 0 0"), ("4242:4243", "4242 4243 4243"), (":staff", "0 50 50"),
]


@pytest.mark.parametrize("user,expected", USERS, ids=[user or "none" for user, _ in USERS])
def test_user(root, scratch, user, expected):
    assert said(container.run(scratch, root.point, "echo $(id -u) $(id -g) $(id -G)", user=user)) == [expected]


@pytest.mark.parametrize("user", ["nobody-here", "web:no-group", "-1", "4294967295", "1.5"])
def test_unknown_user(root, scratch, user):
    result = container.run(scratch, root.point, "id", user=user)
    assert result.returncode == 125
    assert result.stderr.count("\n") == 1 and "/etc/" in result.stderr, result.stderr


def test_denials_name_the_program(root, scratch, runtime):
    container.run(scratch, root.point, "echo x >/etc/forbidden; echo y >/tmp/allowed", runtime=runtime)
    records = [r for r in root.records(at_least=1) if r["path"] == "/etc/forbidden"]
    assert len(records) == 1, root.events()
    process = records[0]["process"]
    assert (process["comm"], process["exe"], records[0]["why"]) == ("sh", "/bin/busybox", "not-declared")
    assert process["pid_inside"] == (2 if runtime in ("builtin", "bwrap") else 1)
    assert root.path("/tmp/allowed").read_text() == "y\n"
    # Setting up a container is no write.
    assert not [r for r in root.records() if r["path"] != "/etc/forbidden"]


def test_orphans_are_reaped_and_die(root, scratch):
    """An orphan's end leaves no zombie; what still runs when the program ends is ended."""
    script = r"""
    (sh -c 'echo $$ >/tmp/orphan; exec sleep 0.1' &)
    (sh -c 'exec env MARK=left-behind-$0 sleep 600' &)
    while ! test -s /tmp/orphan; do sleep 0.05; done
    orphan=$(cat /tmp/orphan)
    for i in $(seq 400); do test -e /proc/$orphan || break; sleep 0.05; done
    test -e /proc/$orphan && cat /proc/$orphan/stat || echo "no zombie"
    """
    result = container.run(scratch, root.point, script)
    assert said(result)[-1] == "no zombie", result
    assert not container.processes_with("MARK=left-behind")


SIGNALS = [("builtin", name) for name in ("INT", "TERM", "HUP", "QUIT", "USR1", "USR2")]
SIGNALS += [(runtime, name) for runtime in RUNTIMES[1:] for name in ("INT", "TERM")]


@pytest.mark.parametrize("runtime,name", SIGNALS, indirect=["runtime"])
def test_signals_are_passed_on(root, scratch, runtime, name):
    script = f"trap 'echo got {name}; exit 7' {name}; echo ready; while :; do sleep 0.05; done"
    with container.running(scratch, root.point, script, runtime=runtime) as process:
        process.send_signal(getattr(signal, f"SIG{name}"))
        assert process.stdout.read() == f"got {name}\n"
        assert process.wait(60) == 7


def test_term_is_the_stop_signal(root, scratch):
    script = "trap 'echo stopped; exit 3' USR1; trap 'echo wrong' TERM; echo ready; while :; do sleep 0.05; done"
    with container.running(scratch, root.point, script, stop_signal=int(signal.SIGUSR1)) as process:
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read() == "stopped\n"
        assert process.wait(60) == 3


def test_default_action_of_a_signal(root, scratch):
    """The program is not pid 1: SIGTERM ends one that has no handler."""
    with container.running(scratch, root.point, "echo ready; exec sleep 600") as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 143


def test_signal_to_another_user(root, scratch):
    """The program may have become somebody whom its init may not signal."""
    script = "echo ready; exec su app -c 'exec sleep 600'"
    with container.running(scratch, root.point, script) as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 143


def test_kill_leaves_nothing(root, scratch, runtime):
    mark = f"MARK=killed-{os.getpid()}-{runtime}"
    script = "echo ready; (sleep 600 &); sleep 600"
    before = pathlib.Path("/proc/self/mountinfo").read_text().count("\n")
    with container.running(scratch, root.point, script, runtime=runtime,
                           env=[f"PATH={container.PATH}", mark]) as process:
        wait_until(lambda: container.processes_with(mark), "one that does not change its program just now")
        process.send_signal(signal.SIGKILL)
        process.wait(60)
        wait_until(lambda: not container.processes_with(mark), "the container's processes are gone")
    assert pathlib.Path("/proc/self/mountinfo").read_text().count("\n") == before
    wait_until(lambda: not list(scratch.glob("rofuse-run-*")), "the bundle is gone")
    # Nobody holds the mount: it can be unmounted at once.
    assert root.end() == 0


# The kernel kills whoever has asked for it when his parent ends, and not who asks afterwards: the init of bwrap may be late.
TOO_LATE = r"""
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int prctl(int option, ...)
{
    va_list rest;
    va_start(rest, option);
    unsigned long a = va_arg(rest, unsigned long), b = va_arg(rest, unsigned long), c = va_arg(rest, unsigned long),
                  d = va_arg(rest, unsigned long);
    va_end(rest);
    return option == PR_SET_PDEATHSIG && getpid() == 1 ? 0 : (int)syscall(SYS_prctl, option, a, b, c, d);
}
"""


@pytest.mark.parametrize("uid", [0, USER], ids=["root", "user"])
def test_kill_before_bwrap_is_ready_for_it(root, scratch, uid):
    if runtimes.missing("bwrap"):
        pytest.skip("bwrap is not installed")
    library, late = scratch / "late.so", scratch / "late" / "bwrap"
    late.parent.mkdir()
    late.write_text(f'#!/bin/sh\nexec env LD_PRELOAD={library} /usr/bin/bwrap "$@"\n')
    late.chmod(0o755)
    late.parent.chmod(0o755)
    scratch.chmod(0o755)
    subprocess.run(["cc", "-x", "c", "-shared", "-fPIC", "-o", library, "-"], input=TOO_LATE, text=True, check=True)
    mark = f"MARK=late-{os.getpid()}"
    with container.running(scratch, root.point, "echo ready; (sleep 600 &); sleep 600", runtime="bwrap",
                           prefix=["env", f"PATH={late.parent}:{container.PATH}"],
                           env=[f"PATH={container.PATH}", mark], user=str(uid)) as process:
        wait_until(lambda: container.processes_with(mark), "one that does not change its program just now")
        process.send_signal(signal.SIGKILL)
        process.wait(60)
        wait_until(lambda: not container.processes_with(mark), "the container's processes are gone")
    assert root.end() == 0


@pytest.mark.parametrize("wish", [None, signal.SIGPWR], ids=["SIGTERM", "the image's"])
def test_end_before_there_is_a_program(root, scratch, wish):
    """The image's stop signal is for its program; what comes before that ends the set-up, whatever the signal."""
    if runtimes.missing("bwrap"):
        pytest.skip("bwrap is not installed")
    slow = scratch / "slow" / "bwrap"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\necho ready; exec sleep 600\n")
    slow.chmod(0o755)
    spec = {"stop_signal": int(wish)} if wish is not None else {}
    with container.running(scratch, root.point, "true", runtime="bwrap",
                           prefix=["env", f"PATH={slow.parent}:{container.PATH}"], **spec) as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 143
        assert process.stdout.read() == ""


def test_init_gives_nothing_away(root, scratch):
    script = r"""
    tr -d '\0' </proc/1/cmdline; echo
    for f in exe environ mem root cwd; do cat /proc/1/$f 2>/dev/null | head -c 1 && readlink /proc/1/$f; done
    for f in /proc/1/fd/*; do readlink $f; done
    """
    lines = said(container.run(scratch, root.point, script))
    assert lines == ["rofuse-init"]


def test_calls_that_are_denied(root, scratch):
    script = r"""
    unshare -U true 2>&1 | grep -o "not permitted"
    unshare -m true 2>&1 | grep -o "not permitted"
    mount -t tmpfs none /tmp 2>&1 | grep -c -E "denied|permitted"
    mkfifo /tmp/fifo && mknod /tmp/device c 1 3 && echo "mknod works"
    chown 1000 /tmp/fifo && echo "chown works"
    """
    lines = said(container.run(scratch, root.point, script))
    assert lines == ["not permitted", "not permitted", "1", "mknod works", "chown works"]


def test_devices_of_the_host_cannot_be_opened(rofuse, image, scratch, runtime):
    """Whoever may make nodes still opens none but the usual ones, wherever they are: in /dev, in a place, in the image."""
    layer = scratch / "layer"
    layer.mkdir()
    os.mknod(layer / "new", stat.S_IFCHR | 0o666, os.makedev(10, 229))
    root = rofuse(layers=[*image, layer], tmpfs=["/tmp"], volume=["data:/data"])
    script = r"""
    for d in /dev /dev/shm /tmp /data /; do
        mknod $d/new c 10 229 2>/dev/null
        (: <>$d/new) 2>/dev/null && test -c $d/new && echo "$d/new was opened"
    done
    (: <>/dev/zero) && echo "zero was opened"
    """
    result = container.run(scratch, root.point, script, runtime=runtime)
    assert result.stdout.splitlines() == ["zero was opened"], result


def test_links_of_the_image_stay_inside(rofuse, scratch, image):
    """Files are put where the image's links lead inside, never on the host's; a link to nowhere is covered itself."""
    top = scratch / "top"
    (top / "etc").mkdir(parents=True)
    (top / "run/resolve").mkdir(parents=True)
    (top / "run/resolve/stub.conf").write_text("of the image\n")
    (top / "etc/resolv.conf").symlink_to("/run/resolve/stub.conf")
    (top / "etc/hosts").symlink_to("../../../../nowhere/at/all")
    victim = scratch / "victim"
    victim.write_text("of the host\n")
    (top / "etc/hostname").symlink_to(victim)
    mount = rofuse(layers=[*image, top])
    lines = said(container.run(scratch, mount.point, "grep -c image /run/resolve/stub.conf; grep -c box /etc/hosts; "
                                                     "cat /etc/hostname"))
    assert lines == ["0", "1", "box"]
    assert victim.read_text() == "of the host\n"


@pytest.mark.parametrize("place", ["proc", "sys", "dev"])
def test_places_of_the_kernel_are_no_links(rofuse, scratch, image, place):
    """In a volume another program could make them lead elsewhere while they are masked."""
    top = scratch / "top"
    top.mkdir()
    (top / place).symlink_to(f"/data/{place}")
    mount = rofuse(layers=[*image, top], volume=["data:/data"])
    (mount.point / "data" / place).mkdir()
    result = container.run(scratch, mount.point, "echo started")
    assert result.returncode == 125 and not result.stdout and f"/{place}: Not a directory" in result.stderr, result


def test_pipe_can_be_opened_again(root, scratch):
    """/dev/stdout and /dev/stderr of a user that is not root, as log files of many images are."""
    result = container.run(scratch, root.point, "echo out >/dev/stdout; echo err >/dev/stderr", user="app")
    assert (result.stdout, result.stderr) == ("out\n", "err\n")


def test_descriptors_of_a_runtime_do_not_lead_out(root, scratch, runtime):
    """Neither as the working directory nor in the PATH: there is a "true" outside, too."""
    host = scratch / "true"
    host.write_text("#!/bin/sh\necho outside\n")
    host.chmod(0o755)
    for number in range(3, 10):
        way = f"/proc/self/fd/{number}/.."
        result = container.run(scratch, root.point, "echo here", runtime=runtime, working_dir=way)
        assert result.returncode != 0 and not result.stdout, (number, result)
        result = container.run(scratch, root.point, ["true"], runtime=runtime, env=[f"PATH={way}{scratch}:/bin"])
        assert (result.returncode, result.stdout) == (0, ""), (number, result)


def test_fifo_stays_its_owners(root, scratch):
    """One with a name is a file of the host's."""
    fifo = scratch / "fifo"
    os.mkfifo(fifo, 0o600)
    with open(os.open(fifo, os.O_RDWR), "wb") as stream:
        subprocess.run(container.command(scratch, root.point, "true", user="app"), stdin=stream, check=True, timeout=60)
    assert fifo.stat().st_uid == os.geteuid()


def test_descriptors_are_not_passed(root, scratch):
    reader, writer = os.pipe()
    try:
        argv = container.command(scratch, root.point, "ls /proc/self/fd | wc -l")
        result = subprocess.run(argv, pass_fds=[reader, writer], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                check=True, env=container.HOST_ENVIRONMENT, timeout=60)
    finally:
        os.close(reader)
        os.close(writer)
    assert result.stdout.strip() == "4"  # the three, and the directory that ls reads
