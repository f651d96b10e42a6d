#!/usr/bin/env python3
"""The demo's program: keeps entries in /data, a scratch file in /tmp, and tries what it has no business to write."""

import errno
import os


def attempt(what, function):
    """Does it, says how it went, and returns True where it succeeded."""
    try:
        function()
    except OSError as error:
        print(f"  refused  {what}: {os.strerror(error.errno)} ({errno.errorcode[error.errno]})")
        return False
    print(f"  done     {what}")
    return True


def write(path, mode, text):
    with open(path, mode, encoding="utf-8") as file:
        file.write(text)


def main():
    print(f"  guestbook, pid {os.getpid()}, uid {os.getuid()}")
    allowed = [
        attempt("append an entry to /data/entries", lambda: write("/data/entries", "a", "somebody was here\n")),
        attempt("write /tmp/guestbook.cache", lambda: write("/tmp/guestbook.cache", "w", "scratch\n")),
    ]
    denied = [
        attempt("change its own code, /app/guestbook.py", lambda: write("/app/guestbook.py", "a", "\n")),
        attempt("make /app/cache", lambda: os.mkdir("/app/cache")),
        attempt("overwrite /etc/passwd", lambda: write("/etc/passwd", "w", "root::0:0::/:/bin/sh\n")),
        attempt("remove /etc/shadow", lambda: os.unlink("/etc/shadow")),
        attempt("put a program into /usr/bin", lambda: write("/usr/bin/ls.new", "w", "")),
        attempt("make /usr/bin/bash setuid", lambda: os.chmod("/usr/bin/bash", 0o4755)),
    ]
    return 0 if all(allowed) and not any(denied) else 1


raise SystemExit(main())
