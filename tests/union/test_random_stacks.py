"""Random stacks of layers: rofuse shows what kernel overlayfs shows, in whatever order names are looked up."""

import os
import random

import pytest

from kernel import compare_with_kernel
import stacks

N_STACKS = 1 if "ROFUSE_SEED" in os.environ else int(os.environ.get("ROFUSE_SEEDS", "12"))


@pytest.mark.parametrize("number", range(N_STACKS))
def test_random_stack(scratch, rofuse, number):  # pylint: disable=unused-argument
    """ROFUSE_SEED=… repeats one stack; ROFUSE_SEEDS=… says how many are made."""
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
