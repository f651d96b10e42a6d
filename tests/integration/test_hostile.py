"""Hostile callers: nobody else waits for them, and they are named all the same."""

import os
import pathlib
import random
import signal
import subprocess
import threading
import time

import pytest
from denial_log import Log, call, validate, works
import rofuse_test

LIB = rofuse_test.ROOT / "tests" / "lib"
MMAP = {"x86_64": 9, "aarch64": 222}.get(os.uname().machine)


@pytest.fixture
def layer(scratch):
    path = scratch / "layer"
    (path / "etc").mkdir(parents=True)
    (path / "etc" / "file").write_text("from the image\n")
    (path / "etc" / "passwd").write_text("the image's passwd\n")
    return path


@pytest.fixture(scope="session")
def programs(tmp_path_factory):
    """flood and trapper, built."""
    where = tmp_path_factory.mktemp("hostile")
    for name in ("flood", "trapper"):
        subprocess.run(["cc", "-std=gnu17", "-D_GNU_SOURCE", "-O2", "-pthread", "-o", where / name, LIB / f"{name}.c"],
                       check=True)
    return where


def test_killed_in_the_middle_of_denied_calls(rofuse, layer, programs):
    """SIGKILL while the daemon is making the record; threads that are gone with their tids."""
    log = Log(rofuse(layers=[layer], volume=["v:/data"]))
    seed = int(os.environ.get("ROFUSE_TEST_SEED", str(time.time_ns() % 1_000_000)))
    chance = random.Random(seed)
    print(f"seed {seed}")
    for _ in range(30):
        flood = subprocess.Popen([programs / "flood", log.mount.path("/etc"), "1", "4", "100000000", "distinct"],
                                 stdout=subprocess.PIPE, start_new_session=True)
        assert flood.stdout.readline() == b"started\n"
        time.sleep(chance.random() / 50)
        os.killpg(flood.pid, signal.SIGKILL)
        flood.stdout.close()
        flood.wait()
    works(log)
    pids = {event["process"]["pid"] for event in log.take_events() if event.get("path") == "/etc/still"}
    assert pids
    for event in log.mount.events()[-500:]:
        validate(event)


def test_threads_that_end_at_once(rofuse, layer):
    """Each denied call comes from a thread of its own that is gone right after."""
    log = Log(rofuse(layers=[layer], volume=["v:/data"]))

    def run():
        seen = []

        def work(number):
            try:
                os.mkdir(log.mount.path(f"/etc/{number}"))
            except OSError:
                seen.append((f"/etc/{number}", threading.get_native_id()))

        for number in range(300):
            thread = threading.Thread(target=work, args=(number,))
            thread.start()
            if number % 7 == 0:
                thread.join()
        while len(seen) < 300:
            time.sleep(0.01)
        return seen

    outcome = call(run)
    records = log.take()
    assert sorted(outcome.value) == sorted((r["path"], r["process"]["tid"]) for r in records)
    assert {r["process"]["pid"] for r in records} == {outcome.pid}


def test_the_main_thread_has_ended(rofuse, layer):
    """A process whose first thread has ended (a zombie leader) is named by its pid; what cannot be read is unknown."""
    log = Log(rofuse(layers=[layer], volume=["v:/data"]))
    code = r"""
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
static void *work(void *path)
{
    char state[200] = "";
    do {
        FILE *stat = fopen("/proc/self/stat", "r");
        if (!stat || !fgets(state, sizeof state, stat)) return NULL;
        fclose(stat);
    } while (state[0] && !__builtin_strstr(state, ") Z"));
    mkdir(path, 0755);
    _exit(0);
}
int main(int argc, char **argv)
{
    pthread_t thread;
    (void)argc;
    pthread_create(&thread, NULL, work, argv[1]);
    pthread_exit(NULL);
}
"""
    program = log.mount.scratch / "leader"
    subprocess.run(["cc", "-x", "c", "-pthread", "-o", program, "-"], input=code, text=True, check=True)
    process = subprocess.Popen([program, log.mount.path("/etc/new")])
    assert process.wait(60) == 0
    record = log.one()
    assert record["path"] == "/etc/new"
    assert record["process"]["pid"] == process.pid != record["process"]["tid"]
    works(log)


@pytest.mark.parametrize("uid", [0, 2000])
def test_memory_that_cannot_be_read(uid, rofuse, scratch, layer, programs):
    """Reading the caller's arguments would wait for ever: at most one thread of the daemon does, the others serve."""
    other = rofuse(tmpfs=["/slow"], extra=["--passthrough", "off"])  # the kernel's own pages would be no trap
    other.path("/slow/page").write_bytes(b"y" * 4096)
    other.path("/slow/page").chmod(0o666)
    log = Log(rofuse(layers=[layer], volume=["v:/data"]))
    trapper = subprocess.Popen(["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", programs / "trapper",
                                log.mount.path("/etc"), "16", other.path("/slow/page")], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE)
    reader = None
    try:
        assert trapper.stdout.readline() == b"mapped\n"
        other.stop()
        trapper.stdin.write(b"go\n")
        trapper.stdin.flush()
        wait_for_lock(trapper.pid)
        reader = subprocess.Popen(["cat", f"/proc/{trapper.pid}/cmdline"], stdout=subprocess.DEVNULL)
        for _ in range(5):
            works(log)
            assert trapper.poll() is None
        assert reader.poll() is None, "the trap did not hold: nothing was tested"
    finally:
        trapper.kill()
        other.go_on()
        trapper.communicate()
        if reader is not None:
            reader.wait()
    mine = [r for r in log.take_events() if r.get("path", "").startswith("/etc/trap-")]
    assert mine and {r["process"]["pid"] for r in mine} == {trapper.pid}
    works(log)
    assert log.mount.end() == 0


def wait_for_lock(pid):
    """Until the process's first thread is in mmap(2), where it waits for the stopped daemon."""
    deadline = time.monotonic() + 60
    while pathlib.Path(f"/proc/{pid}/syscall").read_text().split()[0] != str(MMAP):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_stopped_caller(rofuse, layer):
    """A caller that is stopped in the middle of its calls is in nobody's way."""
    log = Log(rofuse(layers=[layer], volume=["v:/data"]))
    code = """
import os, signal, sys
signal.alarm(120)
for turn in range(1 << 30):
    try:
        os.mkdir(sys.argv[1])
    except OSError:
        turn or print("begun", flush=True)
"""
    caller = subprocess.Popen(["/usr/bin/python3", "-c", code, log.mount.path("/etc/new")], stdout=subprocess.PIPE)
    try:
        assert caller.stdout.readline() == b"begun\n"
        for _ in range(50):
            caller.send_signal(signal.SIGSTOP)
            os.waitpid(caller.pid, os.WUNTRACED)
            caller.send_signal(signal.SIGCONT)
        caller.send_signal(signal.SIGSTOP)
        works(log)
    finally:
        caller.kill()
        caller.communicate()
    mine = [r for r in log.take_events() if r.get("path") == "/etc/new"]
    assert mine and {r["process"]["pid"] for r in mine} == {caller.pid}
