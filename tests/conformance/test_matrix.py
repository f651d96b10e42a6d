"""The comparison itself: what it must find and what it must not."""

import os

import matrix
import pytest
import stack

pytestmark = pytest.mark.once

KINDS = {"a": "regular", "b": "dir"}


def cells(**results):
    """results: op=answer, for caller root and target a."""
    return matrix.parse("".join(f"root {op} a {answer}\n" for op, answer in results.items()), KINDS)


def rule(**changes):
    table = {"op": "open_*", "kernel": "EROFS", "rofuse": "EACCES", "function": "do_open", "reason": "so it is"}
    table.update(changes)
    return matrix.Rule(1, {key: value for key, value in table.items() if value is not None})


def test_equal_runs():
    found = matrix.Comparison(cells(stat="OK", mkdir="EROFS"), cells(stat="OK", mkdir="EROFS"), [])
    assert (found.cells, found.equal, found.known, found.unknown, found.missing) == (2, 2, 0, [], [])


def test_a_difference_without_a_rule():
    found = matrix.Comparison(cells(stat="OK"), cells(stat="EIO"), [rule()])
    assert found.unknown == [(("root", "stat", "regular:a"), "OK", "EIO")]
    assert "stat: kernel OK, rofuse EIO" in found.report()


def test_a_cell_that_one_run_lacks():
    found = matrix.Comparison(cells(stat="OK", mkdir="EROFS"), cells(stat="OK"), [])
    assert found.missing == [("root", "mkdir", "regular:a")]


@pytest.mark.parametrize("changes, covered", [
    ({}, True),
    ({"op": "stat"}, False),
    ({"op": ["stat", "open_wronly"]}, True),
    ({"caller": "owner"}, False),
    ({"caller": ["!owner"]}, True),
    ({"caller": ["!root"]}, False),
    ({"target": "regular:*"}, True),
    ({"target": ["*", "!regular:*"]}, False),
    ({"kernel": "EACCES"}, False),
    ({"rofuse": ["EPERM", "EACCES"]}, True),
    ({"rofuse": "EPERM"}, False),
])
def test_what_a_rule_covers(changes, covered):
    rules = [rule(**changes)]
    found = matrix.Comparison(cells(open_wronly="EROFS"), cells(open_wronly="EACCES"), rules)
    assert found.known == int(covered)
    assert len(found.unknown) == int(not covered)
    assert matrix.dead(rules) == ([] if covered else rules)


def test_a_rule_for_equal_cells_is_dead():
    rules = [rule()]
    matrix.Comparison(cells(open_wronly="EROFS"), cells(open_wronly="EROFS"), rules)
    assert matrix.dead(rules) == rules


def test_a_rule_that_depends_on_time():
    rules = [rule(at_most=1)]
    assert matrix.dead(rules) == []
    kernel, rofuse = cells(open_a="EROFS", open_b="EROFS"), cells(open_a="EACCES", open_b="EACCES")
    found = matrix.Comparison(kernel, rofuse, rules)
    assert (found.known, len(found.unknown)) == (1, 1)


@pytest.mark.parametrize("changes", [{"reason": None}, {"function": " "}, {"kernel": None}, {"oper": "x"}])
def test_rules_that_do_not_say_enough(changes):
    with pytest.raises(matrix.RuleError):
        rule(**changes)


def test_digest_sees_every_change(scratch):
    layer = scratch / "layer"
    (layer / "dir").mkdir(parents=True)
    file = layer / "dir" / "file"
    file.write_text("one")
    (layer / "link").symlink_to("dir")

    changes = [
        lambda: file.write_text("two"),
        lambda: file.chmod(0o600),
        lambda: os.utime(file, (1, 1)),
        lambda: os.link(file, layer / "other"),
        lambda: os.setxattr(file, "user.name", b"value"),
        lambda: (layer / "dir").chmod(0o700),
        lambda: ((layer / "link").unlink(), (layer / "link").symlink_to("dis")),
        lambda: (layer / "other").unlink(),
        lambda: os.chown(file, 1, 1),
    ]
    seen = {stack.digest(layer)}
    for number, change in enumerate(changes, 2):
        change()
        seen.add(stack.digest(layer))
        assert len(seen) == number
    assert stack.digest(layer) in seen
