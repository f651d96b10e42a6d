"""Compares two runs of the probe, cell by cell, with the list of known differences."""

import collections
import fnmatch
import tomllib

REQUIRED = {"op", "kernel", "rofuse", "function", "reason"}
OPTIONAL = {"caller", "target", "at_most"}

Cell = collections.namedtuple("Cell", "caller op target")


class RuleError(Exception):
    """known_differences.toml does not say what a rule must say."""


class Rule:
    """One known difference: which cells, what the kernel answers there, what rofuse does, and why."""

    def __init__(self, number, table):
        self.number = number
        missing, unknown = REQUIRED - table.keys(), table.keys() - REQUIRED - OPTIONAL
        if missing or unknown:
            raise RuleError(f"rule {number}: missing {sorted(missing)}, unknown {sorted(unknown)}")
        for key in ("function", "reason"):
            if not table[key].strip():
                raise RuleError(f"rule {number}: {key} is empty")
        self.patterns = [self._list(table.get(key, "*")) for key in ("caller", "op", "target")]
        self.kernel = self._list(table["kernel"])
        self.rofuse = self._list(table["rofuse"])
        self.function, self.reason = table["function"], table["reason"]
        self.at_most = table.get("at_most")
        self.covered = 0

    @staticmethod
    def _list(value):
        return [value] if isinstance(value, str) else list(value)

    def covers(self, cell, kernel, rofuse):
        """Patterns are those of the shell; one that begins with ! takes away what an earlier one let in."""
        return (kernel in self.kernel and rofuse in self.rofuse
                and (self.at_most is None or self.covered < self.at_most)
                and all(self._matches(patterns, text) for patterns, text in zip(self.patterns, cell)))

    @staticmethod
    def _matches(patterns, text):
        matched = patterns[0].startswith("!")
        for pattern in patterns:
            if fnmatch.fnmatchcase(text, pattern.lstrip("!")):
                matched = not pattern.startswith("!")
        return matched

    def __str__(self):
        return (f"rule {self.number}: {'|'.join(self.kernel)} is {'|'.join(self.rofuse)} for "
                + ", ".join("|".join(patterns) for patterns in self.patterns))


def load_rules(path):
    with open(path, "rb") as file:
        tables = tomllib.load(file)
    if set(tables) - {"rule"}:
        raise RuleError(f"unknown tables {sorted(set(tables) - {'rule'})}")
    return [Rule(number, table) for number, table in enumerate(tables.get("rule", []), 1)]


def parse(text, kinds):
    """The probe's output as {Cell: result}; a cell's target is "KIND:LABEL"."""
    cells = {}
    for line in text.splitlines():
        caller, op, target, result = line.split(" ")
        cell = Cell(caller, op, f"{kinds[target]}:{target}")
        assert cell not in cells, f"twice: {cell}"
        cells[cell] = result
    return cells


class Comparison:
    """What differs, and which of it is known. Rules count over all comparisons made with them."""

    def __init__(self, kernel, rofuse, rules):
        self.cells = len(kernel)
        self.missing = sorted(kernel.keys() ^ rofuse.keys())
        self.unknown = []
        self.known = 0
        for cell in sorted(kernel.keys() & rofuse.keys()):
            if kernel[cell] == rofuse[cell]:
                continue
            rule = next((r for r in rules if r.covers(cell, kernel[cell], rofuse[cell])), None)
            if rule is not None:
                rule.covered += 1
                self.known += 1
            else:
                self.unknown.append((cell, kernel[cell], rofuse[cell]))
        self.equal = len(kernel.keys() & rofuse.keys()) - self.known - len(self.unknown)

    def counts(self):
        return (f"{self.cells} cells, {self.equal} equal, {self.known} known to differ, {len(self.unknown)} unknown, "
                f"{len(self.missing)} in one run only")

    def report(self, limit=60):
        """The unknown differences, those of one kind in one line: a reader wants to see the kinds."""
        kinds = collections.defaultdict(list)
        for cell, kernel, rofuse in self.unknown:
            kinds[(cell.op, kernel, rofuse)].append(cell)
        lines = [f"{op}: kernel {kernel}, rofuse {rofuse}: {len(cells)} cells, {_few({c.caller for c in cells})} on "
                 f"{_few({c.target for c in cells})}"
                 for (op, kernel, rofuse), cells in sorted(kinds.items(), key=lambda kind: -len(kind[1]))]
        if len(lines) > limit:
            lines[limit:] = [f"and {len(lines) - limit} more kinds"]
        lines += [f"in one run only: {' '.join(cell)}" for cell in self.missing[:10]]
        return "\n".join(lines)


def _few(names, limit=6):
    names = sorted(names)
    return ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")


def dead(rules):
    """Rules that covered nothing: what they know is no longer so, or they never were right."""
    return [rule for rule in rules if rule.covered == 0 and rule.at_most is None]
