"""The root: a Debian in seven layers, made as an image is built, by running apt and a few commands on top of one another.

    0  mmdebstrap's minbase      2  git and its manual, perl     4  packages purged, directories replaced, files changed
    1  python3 and some modules  3  node and npm                 5  /repo, a git repository
                                 6  what runtimes expect
"""

import os
import pathlib
import stat
import subprocess

PACKAGES = (
    ("python3", "python3-setuptools", "python3-pygments", "python3-docutils", "python3-jinja2"),
    ("git", "git-doc", "perl"),
    ("nodejs", "npm"),
)

# Whiteouts, opaque directories, replaced files. All of this is what a Dockerfile's RUN lines do.
TIDY = r"""
dpkg --purge --force-depends git-doc python3-docutils docutils-common >/dev/null
rm -rf /usr/share/locale/de /usr/share/locale/fr /usr/share/doc/perl
for directory in /etc/skel /usr/share/pixmaps /usr/share/perl5/Debconf /usr/share/zoneinfo/Etc; do
    test -d $directory || continue
    rm -rf $directory && mkdir $directory && echo new >$directory/new
done
find /usr/share/nodejs -name '*.md' | sort | head -300 | while read -r file; do echo changed >>"$file"; done
find /usr/lib/python3 -name '*.txt' | sort | head -100 | while read -r file; do chmod 600 "$file"; done
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/*
"""

# The files are older than the index, or git would read every file again; and it compares what does not depend on the mount.
REPOSITORY = r"""
mkdir -p /repo && cd /repo
cp -r /usr/lib/python3.11 /usr/lib/python3 /usr/share/nodejs/[a-e]* .
find . -name __pycache__ -prune -exec rm -rf {} +
find . -exec touch -h -d 2024-01-01T00:00:00Z {} +
git init -q .
git config user.name bench && git config user.email bench@example.org
git config core.checkStat minimal && git config core.trustctime false && git config gc.auto 0
git add -A -f && git commit -q -m all && git repack -adq
rm -rf .git/hooks
"""

KEPT = "trusted.overlay.opaque"


def make(work, say):
    """Makes work/layers/0…6, work/flat (the same tree, merged) and work/lists."""
    layers = work / "layers"
    layers.mkdir()
    say("root: mmdebstrap")
    _bootstrap(layers / "0", work)
    for packages in PACKAGES:
        say(f"root: {' '.join(packages)}")
        _layer(work, "apt-get -qq update && apt-get -qq -y --no-install-recommends install " + " ".join(packages) +
               " >/dev/null && apt-get clean")
    say("root: whiteouts and replaced files")
    _layer(work, TIDY)
    say("root: the repository")
    _layer(work, REPOSITORY)
    _add_places(work)
    (work / "apt.conf").unlink()
    with _merged(work, None) as root:
        say("root: the flat copy")
        subprocess.run(["cp", "-a", root, work / "flat"], check=True)
    _write_lists(work)


def _sources():
    """The apt sources of this machine."""
    folder = pathlib.Path("/etc/apt")
    found = [folder / "sources.list", *folder.glob("sources.list.d/*.list"), *folder.glob("sources.list.d/*.sources")]
    return [str(path) for path in found if path.is_file() and path.stat().st_size]


def _bootstrap(target, work):
    suite = subprocess.run(["sh", "-c", ". /etc/os-release && echo $VERSION_CODENAME"], check=True, capture_output=True,
                           text=True).stdout.strip() or "bookworm"
    # Proxies and the like, for the download alone: the image does not keep them.
    acquire = subprocess.run(["apt-config", "dump", "Acquire"], check=True, capture_output=True).stdout
    (work / "apt.conf").write_bytes(acquire)
    subprocess.run(["mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory", "--quiet",
                    f"--aptopt={work}/apt.conf", '--customize-hook=rm -f "$1"/etc/apt/apt.conf.d/99mmdebstrap',
                    suite, str(target), *_sources()], check=True, stdin=subprocess.DEVNULL)
    target.chmod(0o755)


class _merged:
    """The layers so far as one root, with an upper layer or (None) read-only."""

    def __init__(self, work, upper):
        self.work, self.upper = work, upper

    def __enter__(self):
        self.point = self.work / "merged"
        self.point.mkdir()
        lower = ":".join(sorted((path.name for path in (self.work / "layers").iterdir() if path != self.upper),
                                key=int, reverse=True))
        options = f"lowerdir={lower},redirect_dir=off,metacopy=off,index=off"
        if self.upper:
            (self.work / "upper.work").mkdir()
            options += f",upperdir={self.upper.name},workdir=../upper.work"
        # Relative names: the kernel takes a page of options at most.
        subprocess.run(["mount", "-t", "overlay", "-o", options, "overlay", str(self.point)], check=True,
                       cwd=self.work / "layers")
        return self.point

    def __exit__(self, *_):
        subprocess.run(["umount", "-R", str(self.point)], check=True)
        self.point.rmdir()
        if self.upper:
            subprocess.run(["rm", "-rf", str(self.work / "upper.work")], check=True)


def _layer(work, script):
    """One more layer: what a shell script changes in the root."""
    upper = work / "layers" / str(len(list((work / "layers").iterdir())))
    upper.mkdir()
    with _merged(work, upper) as root:
        config, resolver = root / "etc/apt/apt.conf.d/99bench", root / "etc/resolv.conf"
        before = resolver.read_bytes() if resolver.exists() else None
        config.write_bytes((work / "apt.conf").read_bytes())
        if pathlib.Path("/etc/resolv.conf").exists():
            resolver.write_bytes(pathlib.Path("/etc/resolv.conf").read_bytes())
        subprocess.run(["mount", "-t", "proc", "proc", str(root / "proc")], check=True)
        subprocess.run(["mount", "--bind", "/dev", str(root / "dev")], check=True)
        # A package's service must not be started here.
        (root / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
        (root / "usr/sbin/policy-rc.d").chmod(0o755)
        try:
            done = subprocess.run(["chroot", str(root), "/bin/sh", "-euc", script], stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True, errors="replace",
                                  env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "TZ": "UTC",
                                       "DEBIAN_FRONTEND": "noninteractive"})
        finally:
            for place in "proc", "dev":
                subprocess.run(["umount", str(root / place)], check=True)
        if done.returncode:
            raise RuntimeError(f"the root could not be made: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        config.unlink()
        (root / "usr/sbin/policy-rc.d").unlink()
        if before is None:
            resolver.unlink(missing_ok=True)
        else:
            resolver.write_bytes(before)
    _strip(upper)


def _add_places(work):
    """One more layer: what rofuse shows for the runtimes though the image lacks it. With it all subjects show the same."""
    upper = work / "layers" / str(len(list((work / "layers").iterdir())))
    upper.mkdir()
    with _merged(work, upper) as root:
        for name in "proc", "sys", "dev/pts", "dev/shm", "dev/mqueue", "run/secrets", "tmp":
            (root / name).mkdir(parents=True, exist_ok=True)
        for name in "dev/console", "etc/hosts", "etc/hostname", "etc/resolv.conf", "run/.containerenv", ".dockerenv":
            if not os.path.lexists(root / name):
                (root / name).touch()
        if not os.path.lexists(root / "etc/mtab"):
            (root / "etc/mtab").symlink_to("/proc/mounts")
    _strip(upper)


def _strip(layer):
    """Leaves of overlayfs' own attributes what an unpacked image has."""
    for parent, directories, files in os.walk(layer):
        for path in [parent] + [f"{parent}/{name}" for name in directories + files]:
            for name in os.listxattr(path, follow_symlinks=False):
                if name.startswith("trusted.overlay.") and name != KEPT:
                    os.removexattr(path, name, follow_symlinks=False)


def _write_lists(work):
    """names: all but directories; directories; files: regular ones up to 64 KiB; missing: names that are not there."""
    names, directories, files = [], ["."], []
    root = str(work / "flat")
    for parent, below, others in os.walk(root):
        below.sort()
        for name in sorted(below + others):
            path = f"{parent}/{name}"
            inside = path[len(root) + 1:]
            if "\n" in inside:
                continue
            mode = os.lstat(path)
            if stat.S_ISDIR(mode.st_mode):
                directories.append(inside)
            else:
                names.append(inside)
                if stat.S_ISREG(mode.st_mode) and mode.st_size <= 65536:
                    files.append(inside)
    total = len(names) + len(directories)
    if total < 25000:
        raise RuntimeError(f"the root has {total} names; 25,000 were wanted")
    (work / "lists").mkdir()
    missing = [name + ".missing" for name in names[:20000]]
    for name, paths in (("names", names[:20000]), ("directories", directories), ("files", files[:20000]),
                        ("missing", missing)):
        text = "".join(f"{path}\n" for path in paths)
        (work / "lists" / name).write_text(text, encoding="utf-8", errors="surrogateescape")
