"""What is compared: each subject can mount a stack, read-only or with a directory that may be written."""

import ctypes
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import rofuse_test

libc = ctypes.CDLL(None, use_errno=True)

ROUTE_SIZE = "3g"
PR_SET_PDEATHSIG = 1


def end_with_parent():
    """In a daemon: ended by the kernel when the benchmark is killed, so that no mount stays."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Mounted:
    """One mount. writable: a directory that may be written, in the kinds that have one. daemon: its pid, or None."""

    def __init__(self, subject, place, argv, cwd, writable):
        self.subject, self.place, self.argv, self.cwd = subject, place, argv, cwd
        self.point = place / "mnt"
        self.writable = self.point / writable if writable is not None else None
        self.process = None

    @property
    def daemon(self):
        return self.process.pid if self.process else None

    def start(self):
        """Mounts and waits until the mount answers."""
        with open(self.place / "output", "wb") as output:
            if self.subject.kernel:
                done = subprocess.run(self.argv, cwd=self.cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                      check=False)
                if done.returncode:
                    raise RuntimeError(f"{self.subject.name} did not mount: {self.output()}")
                return
            self.process = subprocess.Popen(self.argv, cwd=self.cwd, stdin=subprocess.DEVNULL, stdout=output,
                                            stderr=output, preexec_fn=end_with_parent)
        deadline = time.monotonic() + 60
        while not _answers(self.point):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.subject.name} did not mount: {self.output()}")
            time.sleep(0.005)

    def output(self):
        return (self.place / "output").read_text(errors="replace")[-500:].strip()

    def counters(self):
        """The daemon's own counters: requests by kind, and files by how they are served; {} when it has none."""
        return self.subject.counters(self)

    def end(self):
        """Unmounts, ends the daemon, removes what it needed. A daemon that does not end by itself is killed."""
        rofuse_test.unmount_below(self.point)
        if self.process:
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        rofuse_test.unmount_below(self.place)
        shutil.rmtree(self.place, ignore_errors=True)


def _answers(point):
    if not rofuse_test.is_mounted(point):
        return False
    try:
        os.statvfs(point)
    except OSError:
        return False
    return True


class Subject:
    """kernel: served by the kernel, no daemon. readable: for reading and refused changes. routes: has a writable place.
    refuses: by itself, without the kernel's help, it refuses all changes. only_routes: is like another but for routes."""
    kernel = False
    readable = True
    routes = True
    refuses = True
    only_routes = False

    def __init__(self, name):
        self.name = name

    def why_not(self):
        """Why this subject cannot be had here, or None."""
        return None

    def version(self):
        return None

    def counters(self, mounted):
        return {}

    def prepare(self, place, writable):
        """Makes what command() names."""

    def command(self, stack, place, writable, background):
        """The words that mount a stack on place/mnt, with what is needed besides below place; and the working directory."""
        raise NotImplementedError

    def mount(self, stack, place, writable=False, background=False):
        """background: only prepared, and the words would return when the mount is there; they are in argv."""
        (place / "mnt").mkdir(parents=True)
        self.prepare(place, writable)
        argv, cwd = self.command(stack, place, writable, background)
        mounted = Mounted(self, place, [str(word) for word in argv], cwd, self.writable_name() if writable else None)
        try:
            if not background:
                mounted.start()
                if writable:
                    mounted.writable.mkdir(exist_ok=True)
        except BaseException:
            mounted.end()
            raise
        return mounted

    def writable_name(self):
        return "route"


def mount_tmpfs(point):
    point.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={ROUTE_SIZE},mode=755", "tmpfs", str(point)], check=True)


def _program_missing(name):
    return None if shutil.which(name) else f"{name} is not installed"


class Tmpfs(Subject):
    """The reference of the routes: no stack at all."""
    kernel = True
    readable = refuses = False

    def command(self, stack, place, writable, background):
        return ["mount", "-t", "tmpfs", "-o", f"size={ROUTE_SIZE},mode=755", "tmpfs", place / "mnt"], "/"


class Overlay(Subject):
    """The kernel's overlayfs: upper is None (read-only, the reference), "tmpfs" or "disk"."""
    kernel = True

    def __init__(self, name, upper=None):
        super().__init__(name)
        self.upper = upper
        self.routes = upper is not None
        self.refuses = upper is None

    def version(self):
        return os.uname().release

    def prepare(self, place, writable):
        if self.upper == "tmpfs":
            mount_tmpfs(place / "rw")
        if self.upper:
            (place / "rw" / "upper").mkdir(parents=True)
            (place / "rw" / "work").mkdir()

    def command(self, stack, place, writable, background):
        # Relative names: mount(2) takes a page of options at most.
        top = pathlib.Path(os.path.commonpath([layer.parent for layer in stack.layers]))
        lower = ":".join(str(layer.relative_to(top)) for layer in reversed(stack.layers))
        options = f"lowerdir={lower},redirect_dir=off,metacopy=off,index=off"
        if len(stack.layers) == 1 and not self.upper:
            # overlayfs wants two directories where there is no upper one.
            (place / "empty").mkdir()
            options = f"lowerdir={place}/empty:{lower}"
        if self.upper:
            options += f",upperdir={place}/rw/upper,workdir={place}/rw/work"
        return ["mount", "-t", "overlay", "-o", options, "overlay", place / "mnt"], top


class Rofuse(Subject):
    """One mode of rofuse: extra options of `rofuse mount`. With the log on, to a file, folded as it is by default."""

    def __init__(self, name, binary, options=(), only_routes=False):
        super().__init__(name)
        self.binary, self.options, self.only_routes = binary, list(options), only_routes
        # What the daemon says of itself: the version of its libfuse, what the kernel and it agreed on.
        self.features = {}

    def why_not(self):
        if not os.access(self.binary, os.X_OK):
            return f"{self.binary} is not there"
        if self.options:
            text = _output([self.binary, "mount", "--help"])
            # As in "--routes=native|served": the option and its value have to be known.
            if self.options[0] not in text:
                return f"this rofuse has no {self.options[0]}"
        return None

    def version(self):
        words = [_output([self.binary, "--version"]).splitlines()[0]]
        words += [f"{name} {value}" if isinstance(value, str) else name for name, value in self.features.items() if value]
        return ", ".join(words)

    def command(self, stack, place, writable, background):
        words = [self.binary, "mount", "--state-dir", place / "state", "--log", f"file:{place}/log", *self.options]
        for layer in stack.layers:
            words += ["--layer", layer]
        if writable:
            words += ["--tmpfs", f"/route:size={ROUTE_SIZE},mode=755,exec"]
        if not background:
            words.append("--foreground")
        return words + [place / "mnt"], "/"

    def counters(self, mounted):
        text = _output([self.binary, "status", "--json", "--state-dir", mounted.place / "state", mounted.point])
        try:
            status = json.loads(text)["mounts"][0]
        except (ValueError, KeyError, IndexError, TypeError):
            return {}
        self.features = status.get("features") or self.features
        return {group: numbers(status[group]) for group in ("requests", "files") if isinstance(status.get(group), dict)}


def numbers(values):
    return {name: number for name, number in values.items() if isinstance(number, int)}


class FuseOverlayfs(Subject):
    def why_not(self):
        return _program_missing("fuse-overlayfs")

    def version(self):
        return _first(r"version (\S+)", _output(["fuse-overlayfs", "--version"]))

    def prepare(self, place, writable):
        if writable:
            mount_tmpfs(place / "rw")
            (place / "rw" / "upper").mkdir()
            (place / "rw" / "work").mkdir()

    def command(self, stack, place, writable, background):
        options = "lowerdir=" + ":".join(str(layer) for layer in reversed(stack.layers))
        if writable:
            options += f",upperdir={place}/rw/upper,workdir={place}/rw/work"
        return ["fuse-overlayfs", *([] if background else ["-f"]), "-o", options, place / "mnt"], "/"


class Branches(Subject):
    """mergerfs and unionfs-fuse: branches, first = top, without whiteouts. Their caches are turned on as far as they go: what
    does not change may be kept. They get the flattened copy."""

    def __init__(self, name, program, options, writable_options, refuses):
        super().__init__(name)
        self.program, self.options, self.writable_options, self.refuses = program, options, writable_options, refuses

    def why_not(self):
        return _program_missing(self.program)

    def version(self):
        return _first(rf"^{self.program} version:? (\S+)", _output([self.program, "--version"]))

    def prepare(self, place, writable):
        if writable:
            mount_tmpfs(place / "rw")

    def command(self, stack, place, writable, background):
        branches = [f"{branch}=RO" for branch in reversed(stack.flat)]
        if writable:
            branches.insert(0, f"{place}/rw=RW")
        # A branch is read-only, but mergerfs opens its files for writing all the same; the inputs must not change.
        options = self.options + (self.writable_options if writable else ",ro" if not self.refuses else "")
        return [self.program, *([] if background else ["-f"]), "-o", options, ":".join(branches), place / "mnt"], "/"


MERGERFS = ("allow_other,use_ino,cache.files=full,cache.readdir=true,cache.symlinks=true,cache.attr=3600,cache.entry=3600,"
            "cache.negative_entry=3600,minfreespace=0,category.search=ff")
UNIONFS = ("allow_other,use_ino,default_permissions,kernel_cache,entry_timeout=3600,attr_timeout=3600,negative_timeout=3600,"
           "suid,dev")


def _output(words):
    """What a program says, on either output; nothing when it cannot be run."""
    try:
        done = subprocess.run([str(word) for word in words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    except OSError:
        return ""
    return done.stdout


def _first(pattern, text):
    found = re.search(pattern, text, re.MULTILINE)
    return found.group(1) if found else None


REFERENCE, ROUTES_REFERENCE = "overlay", "tmpfs"


def all_subjects(binary):
    """The order is the table's. The first two are the references: of the layers, and of the routes."""
    return [
        Overlay(REFERENCE),
        Tmpfs(ROUTES_REFERENCE),
        Rofuse("rofuse", binary),
        Rofuse("rofuse cached", binary, ["--passthrough", "off"]),
        Rofuse("rofuse io_uring", binary, ["--io-uring"]),
        Rofuse("rofuse native", binary, ["--routes", "native"], only_routes=True),
        Overlay("overlay rw", upper="tmpfs"),
        Overlay("overlay rw disk", upper="disk"),
        FuseOverlayfs("fuse-overlayfs"),
        Branches("mergerfs", "mergerfs", MERGERFS, ",category.create=ff", refuses=False),
        Branches("unionfs-fuse", "unionfs-fuse", UNIONFS, ",cow", refuses=True),
    ]
