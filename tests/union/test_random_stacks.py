"""Random stacks of layers: rofuse shows what kernel overlayfs shows, in whatever order names are looked up."""

import os
import pathlib
import random
import subprocess

import pytest

from compare import differences, visit, walk
import stacks

N_STACKS = 1 if "ROFUSE_SEED" in os.environ else int(os.environ.get("ROFUSE_SEEDS", "12"))


def mount_overlay(layers, point):
    """Kernel overlayfs over directories, first = bottom; relative names keep the option short and free of escapes."""
    top = os.path.commonpath(layers)
    lower = ":".join(os.path.relpath(os.fsdecode(layer), os.fsdecode(top)) for layer in reversed(layers))
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


def compare_with_kernel(scratch, rofuse, layers, chance):
    """Compares in both orders of look-up; returns the tree that the kernel shows and the differences."""
    converted, point = scratch / "converted", scratch / "kernel"
    converted.mkdir()
    point.mkdir()
    directories = stacks.Converter().stack(layers, converted)
    mount_overlay(directories, point)
    kernel = walk(point, overlayfs=True)
    if b"empty" in directories[0]:
        # A single layer; for the kernel, which takes no less than two, its root is merged and has one link.
        kernel[b""].facts["nlink"] = os.stat(directories[-1]).st_nlink
    lines = []
    mount = rofuse(layers=[pathlib.Path(os.fsdecode(layer)) for layer in layers])
    problems = []
    found = walk(mount.point, numbers=True, problems=problems)
    lines += [f"from the top down: {line}" for line in differences(kernel, found) + problems]
    again = walk(mount.point)
    lines += [f"second walk: {line}" for line in differences(kernel, again)]
    if lines:
        return kernel, lines
    mount.end()
    fresh = rofuse(layers=[pathlib.Path(os.fsdecode(layer)) for layer in layers])
    found, problems = visit(fresh.point, list(kernel), chance, absent_paths(kernel, chance))
    lines += [f"by path in random order: {line}" for line in problems + differences(kernel, found)]
    return kernel, lines


@pytest.mark.parametrize("number", range(N_STACKS))
def test_random_stack(scratch, rofuse, number):  # pylint: disable=unused-argument
    seed = int(os.environ.get("ROFUSE_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"ROFUSE_SEED={seed}")
    chance = random.Random(seed)
    n_layers = chance.randrange(1, 9)
    source = scratch / "source"
    source.mkdir()
    layers = stacks.Generator(chance, source).stack(n_layers)
    kernel, lines = compare_with_kernel(scratch, rofuse, layers, chance)
    assert not lines, f"ROFUSE_SEED={seed}, {n_layers} layers, {len(lines)} differences:\n" + "\n".join(lines[:40])
    assert len(kernel) > 15, "the stack is too small to say anything"
