"""Mount namespaces that are held for a while by a process.

A new mount namespace has a copy of every mount, those of the tests that run beside this one too, and would keep their
daemons alive. So all rofuse mounts but the test's own are detached in it.
"""

import contextlib
import subprocess

import rofuse_test

_SCRIPT = r"""
keep=$1 prepare=$2
shift 2
findmnt -rn -t fuse.rofuse -o TARGET | while read -r point; do
    case $point/ in "$keep"/*) ;; *) umount -l "$(printf %b "$point")" ;; esac
done
eval "$prepare" && echo ready && exec sleep 600
"""


@contextlib.contextmanager
def hold(keep, prepare=":", args=(), before=()):
    """A process (sleep) in a mount namespace of its own in which the shell line PREPARE ($1…: args) has worked.

    keep: the directory below which rofuse mounts are left in place. before: a prefix of the command.
    """
    with subprocess.Popen([*before, "unshare", "-m", "sh", "-c", _SCRIPT, "sh", str(keep), prepare, *map(str, args)],
                          stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, cwd="/") as holder:
        try:
            assert holder.stdout.readline() == "ready\n", "the namespace could not be prepared"
            rofuse_test.wait_for_program(holder.pid, "sleep")
            yield holder
        finally:
            holder.kill()
