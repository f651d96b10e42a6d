"""Every errno of rofuse without routes is that of `docker run --read-only`: overlayfs with a read-only bind over it."""

import os
import pathlib
import random
import subprocess

import matrix
import pytest
import rofuse_test
import stack

HERE = pathlib.Path(__file__).parent
PROBE = os.environ.get("ROFUSE_PROBE", str(pathlib.Path(rofuse_test.BINARY).parent / "conformance_probe"))


def probe(*words):
    done = subprocess.run([PROBE, *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True, check=False,
                          timeout=600)
    assert done.returncode == 0, f"the probe: {done.returncode} {done.stderr.decode()}"
    return done.stdout.decode()


@pytest.fixture
def layers(scratch):
    if os.geteuid() != 0:
        pytest.skip("only root can be every caller")
    return stack.build(scratch)


@pytest.fixture
def reference(scratch, layers):
    try:
        return rofuse_test.overlay(scratch, layers, upper=True)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no overlayfs to compare with: {error.stderr or error}")


@pytest.fixture
def compare(scratch, layers, reference, rofuse):
    """compare(rules, seeds, *words): the probe on both, in the table's order (seed None) or shuffled; what is wrong."""

    def run(rules, seeds, *words):
        kinds = stack.kinds(reference)
        stack.write_targets(scratch / "targets")
        digests = [stack.digest(layer) for layer in layers]
        expected = matrix.parse(probe(*words, reference, scratch / "targets"), kinds)
        # A record for each of some 100,000 refusals is not what is looked at here.
        point = rofuse(layers=layers, fold="60").point
        wrong = []
        for seed in seeds:
            order = () if seed is None else ("--shuffle", seed)
            seen = matrix.parse(probe(*order, *words, point, scratch / "targets"), kinds)
            found = matrix.Comparison(expected, seen, rules)
            title = f"{' '.join(map(str, order)) or 'in order'}: {found.counts()}"
            print(title)
            if found.unknown or found.missing:
                wrong.append(f"{title}\n{found.report()}")
        assert [stack.digest(layer) for layer in layers] == digests, "a layer has changed"
        return len(expected), wrong

    return run


@pytest.fixture
def rules():
    return matrix.load_rules(HERE / "known_differences.toml")


@pytest.fixture
def seed():
    return int(os.environ.get("ROFUSE_SEED", random.SystemRandom().randrange(1, 2**32)))


@pytest.mark.slow
def test_matrix(compare, rules, seed):
    """Each caller, operation and target, in the order of the table and then, on the warm mount, in a random one."""
    cells, wrong = compare(rules, [None, seed])
    wrong += [f"covers no cell: {rule}" for rule in matrix.dead(rules)]
    assert cells > 100000, "the probe hardly asked anything"
    assert not wrong, "\n".join(wrong)


def test_sample(compare, rules, seed):
    """Two callers on a cold mount in a random order."""
    callers = random.Random(seed).sample(probe("--list-callers").split(), 2)
    cells, wrong = compare(rules, [seed], *(word for caller in callers for word in ("--caller", caller)))
    assert cells > 10000, "the probe hardly asked anything"
    assert not wrong, "\n".join(wrong)


# Operations that never succeed, whoever asks, and what they are for all the same.
NEVER = {
    "open_creat_directory": "EINVAL", "open_directory_wronly": "EISDIR", "open_tmpfile_rdonly": "EINVAL",
    "mknod_directory": "EPERM", "symlink_empty": "ENOENT", "link_from_over": "EEXIST", "link_to_missing": "ENOENT",
    "link_to_directory": "EPERM", "rename_noreplace_to_file": "EEXIST", "rename_to_nowhere": "ENOENT",
    "rename_missing_onto": "ENOENT", "rename_exchange_new": "ENOENT", "rename_bad_flags": "EINVAL",
    "truncate_negative": "EINVAL", "setxattr_user_replace": "ENODATA", "setxattr_bad_acl": "EINVAL",
    "setxattr_no_namespace": "EOPNOTSUPP", "removexattr_absent": "ENODATA", "fallocate_rdonly": "EBADF",
    "ftruncate_rdonly": "EINVAL", "write_rdonly": "EBADF", "mmap_shared_write": "EACCES", "exec": "ENOEXEC",
    "exec_nofollow": "ENOEXEC", "exec_fd": "ENOEXEC", "connect": "ECONNREFUSED",
}


@pytest.mark.once
def test_operations_do_what_they_say(scratch):
    """On a writable tree each operation succeeds on some target as root; one that cannot would compare nothing."""
    if os.geteuid() != 0:
        pytest.skip("only root may do everything")
    stack.write_targets(scratch / "targets")
    wrong = []
    for number, operation in enumerate(probe("--list-operations").split()):
        trees = scratch / str(number)
        trees.mkdir()
        layers = stack.build(trees)
        output = probe("--caller", "root", "--operation", operation, layers[0], scratch / "targets")
        results = {line.rsplit(" ", 1)[1] for line in output.splitlines()}
        if NEVER.get(operation, "OK") not in results or (operation in NEVER and "OK" in results):
            wrong.append(f"{operation}: {sorted(results)}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.once
def test_each_caller_is_somebody_else(scratch, layers, reference):
    """On the reference no two callers get the same answers; who did would be one too many, or not what he says."""
    stack.write_targets(scratch / "targets")
    answers = {}
    for caller in probe("--list-callers").split():
        output = probe("--caller", caller, reference, scratch / "targets")
        key = tuple(line.split(" ", 1)[1] for line in output.splitlines())
        assert key not in answers, f"{caller} gets what {answers[key]} gets"
        answers[key] = caller
    assert len(answers) >= 6
