"""The header, the tables and the JSON."""

import datetime
import os
import subprocess


def now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")


def machine(subjects, date):
    """What the figures depend on; asked when all is done, as a daemon tells of itself while it runs."""
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as info:
        models = [line.split(":", 1)[1].strip() for line in info if line.startswith("model name")]
    with open("/proc/meminfo", encoding="ascii") as info:
        total = int(info.readline().split()[1])
    return {
        "date": date,
        "cpu": models[0] if models else os.uname().machine,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(total / 1048576, 1),
        "kernel": os.uname().release,
        "libfuse": _libfuse(subjects),
        "subjects": {subject.name: subject.version() for subject in subjects if subject.version()},
    }


def _libfuse(subjects):
    """rofuse's own word, or the version that a build would find."""
    for subject in subjects:
        version = getattr(subject, "features", {}).get("libfuse")
        if version:
            return version
    done = subprocess.run(["pkg-config", "--modversion", "fuse3"], capture_output=True, text=True, check=False)
    return f"{done.stdout.strip()} (pkg-config)" if done.stdout.strip() else None


def header(about):
    lines = [f"{about['date']}; {about['cpu']}, {about['cores']} cores, {about['memory_gib']} GiB; Linux {about['kernel']}"
             f"; libfuse {about['libfuse'] or 'unknown'}"]
    lines.append("; ".join(f"{name}: {version}" for name, version in about["subjects"].items()))
    return lines


def table(rows, left=2, words=False):
    """Aligned columns; the first ones to the left, the others to the right, but a last one of words to the left."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) if column < left or words and column == len(row) - 1 else cell.rjust(width)
                 for column, (cell, width) in enumerate(zip(row, widths))]
        lines.append("  ".join(cells).rstrip())
    return lines


def number(value):
    """Three digits that count."""
    if value is None:
        return "-"
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def cell(figure):
    """A ratio, a value that has no reference, or why there is none."""
    if figure is None:
        return ""
    if figure["value"] is None:
        return "WRONG" if figure["problems"] and "wrong answer" in " ".join(figure["problems"]) else "failed"
    if figure["unit"] != "ms":
        return number(figure["value"]) if figure["value"] else ""
    text = number(figure["ratio"]["median"]) if figure["ratio"] else "-"
    over = figure["target"] is not None and figure["subject"].startswith("rofuse") and figure["ratio"] \
        and figure["ratio"]["median"] > figure["target"]
    return text + "*" if over else text + " "


def lines_of(figures):
    """The figures by (workload, phase) and then by subject, in the order in which they were made."""
    found = {}
    for figure in figures:
        found.setdefault((figure["workload"], figure["phase"]), {})[figure["subject"]] = figure
    return found


def ratio_table(figures, names):
    """One line for each phase: the reference's time, the ratio to reach, and every subject's ratio."""
    names = [name for name in names if name not in ("overlay", "tmpfs") and
             any(figure["subject"] == name for figure in figures)]
    rows = [["workload", "", "reference", "target", "peer", *names]]
    for (workload, phase), by_subject in lines_of(figures).items():
        first = next(iter(by_subject.values()))
        reference = by_subject.get(first["reference"])
        plain = first["unit"] == "ms"
        if reference and reference["value"] is not None and plain:
            base = number(reference["value"]) + " ms"
        else:
            base = "-" if plain else f"in {first['unit']}"
        target = "" if first["target"] is None else number(first["target"])
        rows.append([workload, phase, base, target, first["peer"], *(cell(by_subject.get(name)) for name in names)])
    return table(rows)


def detail_table(figures, everything):
    """One line for each figure, or each of rofuse's: the median, the ratio with its range, the requests."""
    rows = [["workload", "", "subject", "median", "ratio", "min", "max", "requests"]]
    for figure in figures:
        if not figure["value"] or not (everything or figure["subject"].startswith("rofuse")):
            continue
        ratio = figure["ratio"] or {}
        rows.append([figure["workload"], figure["phase"], figure["subject"],
                     f"{number(figure['value'])} {figure['unit']}",
                     number(ratio.get("median")), number(ratio.get("min")), number(ratio.get("max")),
                     requests(figure["requests"], figure["files"])])
    return table(rows, left=3, words=True)


def requests(counts, files=None):
    """The number of all and the most frequent kinds; and how the files were served that were opened meanwhile."""
    if counts is None:
        return ""
    frequent = sorted(counts.items(), key=lambda item: -item[1])[:3]
    text = f"{sum(counts.values()):.0f}"
    if frequent:
        text += f" ({', '.join(f'{kind} {count:.0f}' for kind, count in frequent)})"
    if files:
        text += "; files " + ", ".join(f"{kind} {count:.0f}" for kind, count in files.items())
    return text


def text(result, names, everything=False):
    """The whole report."""
    figures = result["figures"]
    lines = ["rofuse benchmark", *header(result["machine"]), ""]
    if figures:
        lines += [f"Medians of {result['rounds']} rounds; the ratio is that of the two runs of one round. * above the target.",
                  "Reference: kernel overlayfs, read-only; for routes a tmpfs. target, peer: the ratio to reach, and what the",
                  "best other FUSE file system reached elsewhere. mergerfs and unionfs-fuse have the root as one branch,",
                  "which is easier for them: they do not know whiteouts.", ""]
        lines += ratio_table(figures, names) + [""] + detail_table(figures, everything) + [""]
    problems = {}
    for figure in figures:
        for problem in figure["problems"]:
            problems.setdefault((figure["workload"], figure["subject"], " ".join(problem.split())), []).append(figure["phase"])
    if problems:
        lines += ["Not counted:", *(f"  {workload} ({', '.join(phases)}), {subject}: {problem}"
                                    for (workload, subject, problem), phases in problems.items()), ""]
    if result["skipped"]:
        reasons = {}
        for one in result["skipped"]:
            reasons.setdefault((one["subject"], one["reason"]), []).append(one["workload"])
        lines += ["Left out:", *(f"  {subject}: {', '.join(workloads)}: {reason}"
                                 for (subject, reason), workloads in reasons.items()), ""]
    if result["absent"]:
        lines += ["Not here:", *(f"  {name}: {reason}" for name, reason in result["absent"].items()), ""]
    return lines
