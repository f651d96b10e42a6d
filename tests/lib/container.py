"""Programs in containers of rofuse's own making: run_spec_driver on a root that is mounted already."""

import contextlib
import itertools
import json
import os
import pathlib
import subprocess

import rofuse_test
import runtimes

DRIVER = pathlib.Path(rofuse_test.BINARY).parent / "tests" / "lib" / "run_spec_driver"
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
HOST_ENVIRONMENT = {"PATH": PATH, "HOME": "/root", "LC_ALL": "C", "HOST_SECRET": "not for the container"}

_serial = itertools.count()


def describe(scratch, root, script, **spec):
    """Writes the driver's file; script: for sh, or a list of words. Keys of spec: run_spec_driver.c."""
    words = ["sh", "-c", script] if isinstance(script, str) else script
    described = {"root": str(root), "name": f"t{os.getpid()}", "hostname": "box", "argv": words,
                 "env": [f"PATH={PATH}", "HOME=/root"], **spec}
    path = pathlib.Path(scratch) / f"spec{next(_serial)}.json"
    path.write_text(json.dumps(described))
    path.chmod(0o644)
    return path


def command(scratch, root, script, **spec):
    """The argument vector; arguments as of describe()."""
    argv = [str(DRIVER), str(describe(scratch, root, script, **spec))]
    return runtimes.in_cgroup2(argv) if spec.get("runtime") == "crun" else argv


def run(scratch, root, script, prefix=(), **spec):
    """To its end; both streams in stdout and stderr."""
    return subprocess.run([*prefix, *command(scratch, root, script, **spec)], stdin=subprocess.DEVNULL, timeout=60,
                          capture_output=True, text=True, check=False, cwd="/",
                          env={**HOST_ENVIRONMENT, "TMPDIR": str(scratch)})


@contextlib.contextmanager
def running(scratch, root, script, prefix=(), **spec):
    """While it runs, from the line "ready" on."""
    argv = [*prefix, *command(scratch, root, script, **spec)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          cwd="/", env={**HOST_ENVIRONMENT, "TMPDIR": str(scratch)}) as process:
        try:
            line = process.stdout.readline()
            assert line == "ready\n", line + process.stdout.read()
            yield process
        finally:
            process.kill()


def processes_with(word):
    """Pids of all processes that have a word in their environment or command line."""
    found = []
    for directory in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            text = (directory / "environ").read_bytes() + (directory / "cmdline").read_bytes()
        except OSError:
            continue
        if word.encode() in text:
            found.append(int(directory.name))
    return found
