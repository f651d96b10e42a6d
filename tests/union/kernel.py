"""The kernel's own overlayfs over the same layers, and the comparison of rofuse with it."""

import os
import pathlib
import subprocess

from compare import differences, visit, walk
import stacks


def mount_overlay(layers, point):
    """Kernel overlayfs over directories, first = bottom; relative names keep the option short and free of escapes."""
    top = os.path.commonpath(layers)
    lower = ":".join(os.path.relpath(os.fsdecode(layer), os.fsdecode(top)) for layer in reversed(layers))
    # mount(8) from 2.39 on gives a string to fsconfig(2), which takes 255 bytes.
    subprocess.run(["mount", "-t", "overlay", "-o", f"ro,lowerdir={lower}", "overlay", str(point)], check=True, cwd=top,
                   env={**os.environ, "LIBMOUNT_FORCE_MOUNT2": "always"})


def absent_paths(tree, chance, count=400):
    """Names that could have been in the directories and are not: hidden by whiteouts, or metadata."""
    paths = set()
    directories = [path for path, entry in tree.items() if entry.is_dir]
    metadata = [b".wh..wh..opq", b".wh.", b".wh..wh.plnk", b".wh.a", b".wh.bin"]
    for _ in range(count):
        where = chance.choice(directories)
        name = chance.choice(stacks.NAMES + metadata)
        if name not in tree[where].names:
            paths.add(os.path.join(where, name))
    return paths


def compare_with_kernel(scratch, rofuse, layers, chance, absent=()):
    """
    Compares in both orders of look-up: from the root down, and by path in random order on a fresh mount.

    absent: paths that must not be found, beside random ones. Returns the kernel's tree and the differences.
    """
    converted, point = scratch / "converted", scratch / "kernel"
    converted.mkdir()
    point.mkdir()
    directories = stacks.Converter().stack(layers, converted)
    mount_overlay(directories, point)
    kernel = walk(point, overlayfs=True)
    if b"empty" in directories[0]:
        # A single layer; for the kernel, which takes no less than two, its root is merged and has one link.
        kernel[b""].facts["nlink"] = os.stat(directories[-1]).st_nlink
    lines, problems = [], []
    layers = [pathlib.Path(os.fsdecode(layer)) for layer in layers]
    mount = rofuse(layers=layers)
    found = walk(mount.point, numbers=True, problems=problems)
    lines += [f"from the top down: {line}" for line in differences(kernel, found) + problems]
    lines += [f"second walk: {line}" for line in differences(kernel, walk(mount.point))]
    if lines:
        return kernel, lines
    mount.end()
    fresh = rofuse(layers=layers)
    found, problems = visit(fresh.point, list(kernel), chance, absent_paths(kernel, chance) | set(absent))
    lines += [f"by path in random order: {line}" for line in problems + differences(kernel, found)]
    return kernel, lines
