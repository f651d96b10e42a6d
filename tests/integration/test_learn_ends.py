"""Learn mode ends: switched off whatever became of the image's directories meanwhile, or with the daemon."""

import errno
import mmap
import os
import pathlib
import random
import shutil
import signal
import subprocess
import threading
import time

from control import Control
import pytest
import rofuse_test


@pytest.fixture(name="layer")
def fixture_layer(scratch):
    layer = scratch / "layer"
    for name in ("opt/gone/sub", "usr/share/doc", "var"):
        (layer / name).mkdir(parents=True)
    for name in ("opt/gone/sub/file", "opt/gone/file", "usr/share/doc/file", "usr/file"):
        (layer / name).write_text(name)
    return layer


def switch(mount, way):
    with Control(mount) as control:
        assert control.result(f"learn.{way}")["changed"]


def names(root):
    """All that is there, with its content."""
    found = {}
    for base, directories, files in os.walk(root):
        for name in directories + files:
            path = pathlib.Path(base) / name
            if not str(path.relative_to(root)).startswith(("proc", "sys", "dev")):
                found[str(path.relative_to(root))] = path.read_bytes() if path.is_file() else None
    return found


@pytest.mark.parametrize("source", ["tmpfs", "volume"])
def test_places_in_directories_that_moved(rofuse, layer, source):
    """A declared place goes along with its directory, as mounts do, and is in its own place afterwards."""
    words = {"tmpfs": ["/usr/share/place", "/missing/place"]} if source == "tmpfs" else {"volume": ["a:/usr/share/place", "b:/missing/place"]}
    mount = rofuse(layers=[layer], **words)
    for place in ("/usr/share/place", "/missing/place"):
        mount.path(f"{place}/file").write_text("declared")
    shown = names(mount.point)
    for _ in range(2):
        switch(mount, "on")
        os.rename(mount.path("/usr"), mount.path("/var/moved"))
        mount.path("/usr/share/place").mkdir(parents=True)
        mount.path("/usr/share/place/file").write_text("learned")
        assert mount.path("/var/moved/share/place/file").read_text() == "declared"
        switch(mount, "off")
        assert names(mount.point) == shown
        for place in ("/usr/share/place", "/missing/place"):
            mount.path(f"{place}/file").write_text("declared")
            with pytest.raises(OSError):
                mount.path(f"{place}/../other").write_text("x")
    assert [record["path"] for record in mount.records() if "learned" not in record] == ["/usr/share/other", "/missing/other"] * 2


def test_directories_that_went(rofuse, layer):
    """A directory that was removed while somebody stood in it is there again for everybody."""
    mount = rofuse(layers=[layer])
    shown = names(mount.point)
    with subprocess.Popen(["sh", "-c", "cd opt/gone; echo; read line; cd ../..; ls opt/gone"], cwd=mount.point,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        for turn in range(4):
            switch(mount, "on")
            shutil.rmtree(mount.path("/opt/gone"))
            if turn == 1:
                mount.path("/opt/gone").mkdir()
            elif turn == 2:  # replaced by another one
                os.rename(mount.path("/usr/share/doc"), mount.path("/opt/gone"))
            switch(mount, "off")
            assert names(mount.point) == shown
        process.communicate("\n", timeout=60)
    assert names(mount.point) == shown


@pytest.mark.skipif(b"__tsan_init" in pathlib.Path(rofuse_test.BINARY).read_bytes(), reason="ThreadSanitizer allows one table of descriptors")
def test_killed_while_it_is_asked(rofuse, layer):
    """A thread that waits for the image's own mount when the daemon is killed does not keep it from ending."""
    for number in range(2000):
        (layer / f"usr/share/doc/{number}").write_text("x")
    mount = rofuse(layers=[layer], extra=["--learn"])
    # Each opening of a file that nobody has open asks the image below the throw-away layer.
    script = "while :; do find usr/share/doc -type f | xargs cat; done"
    readers = [subprocess.Popen(["sh", "-c", script], cwd=mount.point, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                start_new_session=True) for _ in range(4)]
    try:
        for _ in range(10):
            pathlib.Path("/proc/sys/vm/drop_caches").write_text("2")
            time.sleep(0.05)
        mount.process.kill()
        mount.process.wait(60)
    finally:
        for reader in readers:
            os.killpg(reader.pid, signal.SIGKILL)
        for reader in readers:
            reader.wait(60)


def test_in_a_directory_of_the_layer(rofuse, layer):
    """Who stands in a directory that only the layer had, when it is switched off: he can read there, and is refused like others."""
    mount = rofuse(layers=[layer])
    switch(mount, "on")
    mount.path("/only/deep").mkdir(parents=True)
    mount.path("/only/deep/file").write_text("learned")
    with open(mount.path("/only/deep/file"), "r+b", buffering=0) as held:
        os.chdir(mount.path("/only/deep"))
        try:
            switch(mount, "off")
            assert not mount.path("/only").exists()
            assert os.listdir(".") == ["file"] and pathlib.Path("file").read_text() == "learned"
            changes = (lambda: open("new", "w"), lambda: os.mkdir("new"), lambda: os.unlink("file"), lambda: os.rename("file", "new"),  # noqa: SIM115
                       lambda: os.link("file", "new"), lambda: os.symlink("x", "new"), lambda: open("file", "a"), lambda: os.chmod(".", 0o700),  # noqa: SIM115
                       lambda: os.open(".", os.O_TMPFILE | os.O_RDWR), lambda: os.rename("file", "../new"))
            for number, change in enumerate(changes):
                with pytest.raises(OSError) as error:
                    change()
                assert error.value.errno == errno.EROFS, number
            held.write(b"LEARNED")
            held.truncate(3)
            assert os.pread(held.fileno(), 10, 0) == b"LEA"
            switch(mount, "on")
            with pytest.raises(OSError):  # of the layer that was before
                open("new", "w")  # noqa: SIM115
            assert mount.path("/only").exists() is False
        finally:
            os.chdir("/")
    refused = [record for record in mount.records(at_least=10) if "learned" not in record]
    assert {record["operation"] for record in refused} == {"create", "mkdir", "unlink", "rename", "link", "symlink", "open", "chmod", "tmpfile"}
    assert {(record["errno"], record["why"]) for record in refused} == {("EROFS", "not-declared")}
    assert all(record["path"].startswith("/only/deep") for record in refused)
    with Control(mount) as control:
        assert control.result("learn.diff")["changes"] == []


def test_mapped_and_executed(rofuse, layer):
    """What is mapped, or runs, is of the layer until its end, whatever is seen by its name."""
    shutil.copy("/bin/sleep", layer / "usr/sleep")
    mount = rofuse(layers=[layer])
    switch(mount, "on")
    with open(mount.path("/usr/file"), "r+b") as writer, open(mount.path("/usr/file"), "rb") as reader:
        mapped = mmap.mmap(writer.fileno(), 0)
        seen = mmap.mmap(reader.fileno(), 0, prot=mmap.PROT_READ)
        mapped[0:3] = b"one"
        shutil.copy(mount.path("/usr/sleep"), mount.path("/var/sleep"))
        with subprocess.Popen([mount.path("/var/sleep"), "60"]) as sleeping:
            switch(mount, "off")
            pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")
            assert not mount.path("/var/sleep").exists() and sleeping.poll() is None
            mapped[3:6] = b"two"
            mapped.flush()
            assert seen[0:6] == os.pread(reader.fileno(), 6, 0) == b"onetwo"
            assert mount.path("/usr/file").read_text() == "usr/file"
            sleeping.terminate()
            assert sleeping.wait(60) == -signal.SIGTERM
        mapped.close()
        seen.close()
    assert mount.path("/usr/file").read_text() == (layer / "usr/file").read_text() == "usr/file"


def test_switched_all_the_time(rofuse, layer):
    """On and off under threads that make, rename and remove: each call works or says why, and in the end all is the image's."""
    mount = rofuse(layers=[layer], fold=10)
    shown = names(mount.point)
    files = [mount.path(name) for name in ("/usr/file", "/usr/share/doc/file", "/opt/gone/file", "/opt/new", "/var/new")]
    directories = [mount.path(name) for name in ("/usr/share", "/usr/moved")]
    ended, wrong = threading.Event(), []
    # A name that is another file's by the time that the call comes to it; and one that crosses from the layer to the image.
    expected = {errno.EROFS, errno.ENOENT, errno.EEXIST, errno.EXDEV, errno.ENOTDIR, errno.ESTALE, errno.EINVAL, errno.EPERM}

    def work(seed):
        chance = random.Random(seed)
        calls = [lambda: chance.choice(files).write_text("x"), lambda: chance.choice(files).unlink(), lambda: chance.choice(files).read_text(),
                 lambda: os.rename(chance.choice(files), chance.choice(files)), lambda: os.link(chance.choice(files), chance.choice(files)),
                 lambda: os.rename(*chance.sample(directories, 2)), lambda: chance.choice(files).chmod(0o600)]
        while not ended.is_set():
            try:
                chance.choice(calls)()
            except OSError as error:
                if error.errno not in expected:
                    wrong.append(repr(error))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    with Control(mount) as control:
        for _ in range(20):
            assert control.result("learn.on")["changed"]
            with open(mount.path("/opt/held"), "wb") as held:
                assert control.result("learn.diff")["learning"]
                assert control.result("learn.off")["changed"]
                held.write(b"held")
        ended.set()
        for thread in threads:
            thread.join()
    assert not wrong
    assert names(mount.point) == shown
    assert mount.end() == 0


@pytest.mark.parametrize("native", [False, True])
def test_mounted_in_a_directory_that_moved(rofuse, layer, native):
    """What is mounted goes along with a directory; it is not left on a name that the image lacks."""
    mount = rofuse(layers=[layer], extra=["--routes", "native", "--tmpfs", "/usr/share/doc"] if native else [])
    if not native:
        subprocess.run(["mount", "-t", "tmpfs", "inner", str(mount.path("/usr/share/doc"))], check=True)
    mount.path("/usr/share/doc/inner").write_text("mounted")
    shown = names(mount.point)
    for _ in range(2):
        switch(mount, "on")
        mount.path("/var/below").mkdir()
        os.rename(mount.path("/usr/share"), mount.path("/var/below/moved"))
        with Control(mount) as control:
            told = control.ask("learn.off")["error"]["message"]
        assert told == ("learn mode cannot be switched off: something is mounted at /var/below/moved/doc, in a directory that was renamed "
                        "(it was /usr/share/doc); rename it back, or unmount that")
        assert mount.path("/var/below/moved/doc/inner").read_text() == "mounted"
        os.rename(mount.path("/var/below/moved"), mount.path("/usr/share"))
        switch(mount, "off")
        assert names(mount.point) == shown and os.path.ismount(mount.path("/usr/share/doc"))


def test_of_another_user(rofuse, layer, scratch):
    """Nobody but the owner and root switches it or sees what was changed, and he is told why."""
    mount = rofuse(layers=[layer], extra=["--learn"])
    os.chmod(scratch, 0o755)
    mount.path("/usr/secret").write_text("x")
    for word, told in ((str(mount.point), f"{mount.point} is a mount of user 0; that user and root alone may ask its daemon"),
                       (mount.point.name, f"the mounts of {mount.state}/run are user 0's; that user and root"),
                       (None, f"the mounts of {mount.state}/run are user 0's; that user and root")):
        for what in (["learn", "on"], ["learn", "off"], ["learn", "diff"], ["status"], ["status", "--json"]):
            said = subprocess.run([rofuse_test.BINARY, *what, "--state-dir", str(mount.state), *([word] if word else [])],
                                  user=1234, group=1234, extra_groups=[], cwd="/", capture_output=True, text=True, check=False, timeout=60)
            assert (said.returncode, said.stdout) == (1, "") and said.stderr.startswith(f"rofuse: {told}"), said.stderr
    assert mount.path("/usr/secret").read_text() == "x"


def test_killed(rofuse, layer):
    """A daemon that is killed leaves neither processes nor a mount that hangs."""
    mount = rofuse(layers=[layer], extra=["--learn"])
    held = open(mount.path("/usr/file"), "a", encoding="utf-8")
    held.write("x")
    held.flush()
    mount.process.send_signal(signal.SIGKILL)
    mount.process.wait(60)
    with pytest.raises(OSError):
        os.stat(mount.path("/opt/gone/file"))
    try:
        held.close()
    except OSError:
        pass


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("strace") is None or os.geteuid() != 0, reason="needs strace, and root")
def test_a_route_comes_and_goes_where_changes_are_looked_for(rofuse, layer, scratch):
    """strace slows down the thread that looks, so that learn mode is off by then."""
    mount = rofuse(layers=[layer])
    calls = scratch / "calls"
    threads = pathlib.Path(f"/proc/{mount.process.pid}/task")
    with Control(mount) as changing:
        changing.result("learn.on")
        mount.path("var/place").mkdir()
        before = set(os.listdir(threads))
        with Control(mount) as asking:
            asking.result("route.ls")
            thread, = set(os.listdir(threads)) - before
            words = ["-e", "trace=newfstatat,statx", "-e", "inject=newfstatat:delay_exit=500000", "-e", "inject=statx:delay_enter=1000000"]
            with subprocess.Popen(["strace", "-o", calls, "-p", thread, *words], stderr=subprocess.PIPE, text=True) as strace:
                try:
                    assert "attached" in strace.stderr.readline()
                    asking.send(b'{"v":1,"do":"learn.diff"}\n')
                    rofuse_test.wait_until(lambda: '"place"' in calls.read_text(), "the place")
                    # However long the two take: while strace is stopped, the thread is.
                    strace.send_signal(signal.SIGSTOP)
                    assert changing.result("learn.off")["changed"]
                    changing.result("route.add", routes=[{"kind": "tmpfs", "target": "/var/place"}])
                    strace.send_signal(signal.SIGCONT)
                    rofuse_test.wait_until(lambda: "statx(" in calls.read_text(), "a look at the route")
                    changing.result("route.rm", targets=["/var/place"], force=True)
                    answer = asking.line()
                finally:
                    strace.terminate()
                    strace.send_signal(signal.SIGCONT)
    assert answer["result"]["learning"] is False and answer["result"]["changes"] == []
