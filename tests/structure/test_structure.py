"""The arrows of the design: who may include whom, who may print, how long a file may be.

A module is a file's stem: tree.h and tree.c. A new module of fs/ must be entered in the table below; that is the
moment to ask where it belongs.
"""

import functools
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FS, SRC = ROOT / "fs", ROOT / "src"

pytestmark = pytest.mark.once

MAX_LINES = 600

# What each module of fs/ may include, from the bottom to the top.
PURE = {
    "path": set(),
    "whiteout": set(),
    "access": set(),
    "numbers": set(),
    "cache": set(),
    "counters": set(),
    "turns": set(),
}
READING = {
    "beneath": {"path"},
    "xattr_at": set(),
    "layer": {"beneath", "cache", "whiteout", "xattr_at"},
    "union": {"beneath", "cache", "layer", "path", "whiteout"},
    "image_view": {"path", "union"},
}
ROUTES = {
    "route": set(),
    "mount_clone": set(),
    "remove_tree": {"beneath", "path"},
    "tmpfs": {"route"},
    "overlay": {"beneath", "path", "route", "tmpfs", "xattr_at"},
    "copies": {"beneath", "origin"},
    "origin": {"beneath", "xattr_at"},
    "patience": set(),
    "seed_file": {"beneath", "patience", "union"},
    "seed": {"backing", "beneath", "path", "seed_file", "union"},
    "volume": {"backing", "beneath", "mount_clone", "remove_tree", "seed"},
    "volume_remove": {"remove_tree"},
    # backing.c opens a route by its kind; the others need what backing.h says of the image.
    "backing.h": {"patience", "route"},
    "backing.c": {"backing", "beneath", "copies", "mount_clone", "seed", "tmpfs", "volume", "volume_remove"},
}
CALLERS = {
    "proc_file": set(),
    "caller_memory": {"proc_file"},
    "caller": {"caller_home", "caller_memory", "proc_file"},
    "caller_home": {"proc_file"},
    "assume": {"caller"},
    "denial": set(),
    "writers": {"caller", "counters"},
    "intent": {"caller_memory", "denial", "proc_file"},
    "record": {"caller", "denial"},
    "fold": {"record"},
    "event_queue": {"record"},
    "denial_log": {"caller", "caller_memory", "denial", "event_queue", "fold"},
}
TREE = {
    "node": set(),
    "node_private": {"node"},
    "node_table": {"node_private", "route"},
    "node_place": {"node_private"},
    "node_graft": {"node_private"},
    "node_face": {"node", "node_private"},
    "tree": {"node", "route", "union"},
    "tree_node": {"backing", "beneath", "copies", "node_face", "numbers", "path", "tree_private"},
    "tree_names": {"beneath", "tree_private"},
    "tree_place": {"node_face", "numbers", "path", "tree"},
    "tree_private": {"cache", "tree"},
    "tree_image": {"numbers", "path", "tree_private"},
    "tree_route": {"backing", "beneath", "numbers", "tree_private"},
    "dir_streams": {"node"},
    "graft": {"backing", "path", "policy", "tree_place"},
    "live": {"graft"},
    "live_route": {"live_private", "node_face", "path"},
    "live_private": {"live"},
    "live_learn": {"live_private", "node_face"},
    "learn_diff": {"beneath", "origin", "overlay", "path", "tree", "turns", "xattr_at"},
    "policy": {"denial", "node", "route"},
    "gate": {"assume", "copies", "counters", "denial", "path", "policy", "tree", "writers"},
    "explain": {"access", "route"},
    "explain_path": {"explain_private", "node_face", "path", "policy"},
    "explain_private": {"explain", "tree"},
    "explain_layers": {"explain_private", "layer", "path", "whiteout"},
    "explain_verdict": {"assume", "beneath", "explain_private", "policy"},
    "intent_way": {"node_face", "path", "tree"},
    "umount_beneath": {"beneath"},
    "native": {"beneath", "tree", "umount_beneath"},
}
OPS_MAY = {"access", "assume", "beneath", "caller", "caller_memory", "copies", "counters", "denial", "dir_streams", "gate", "intent", "intent_way", "node",
           "node_face", "ops", "ops_passthrough", "ops_private", "path", "policy", "route", "tree", "turns"}
SESSION_MAY = OPS_MAY | {"explain", "learn_diff", "live", "native", "numbers", "overlay", "patience", "proc_file", "session", "session_aside", "session_order",
                         "session_private", "session_threads", "session_view", "volume_remove", "writers"}

FUSE_MODULES = re.compile(r"(ops|session)(_\w+)?$")

# What the program may see of the file system; everything else of fs/ is its own business.
PUBLIC = {"access", "caller", "counters", "denial", "explain", "image_view", "learn_diff", "patience", "remove_tree", "route", "session", "umount_beneath",
          "volume_remove", "writers"}

# What the parts of src/ may see, from the bottom to the top: other parts, and headers of fs/. What stands in src/ itself
# are the commands, which see everything and are seen by nobody.
PARTS_MAY = {
    "base": {"fs/denial"},
    "completion": set(),
    "options": {"base", "fs/route"},
    "control": {"base"},
    "image": {"base", "fs/remove_tree"},
    "run": {"base"},
    "log": {"base", "fs/caller", "fs/denial", "fs/route"},
    "mounts": {"base", "control", "fs/counters", "fs/route", "fs/umount_beneath"},
    "status": {"base", "mounts", "fs/counters", "fs/route"},
    "compose": {"base", "options"},
    "explain": {"base", "log", "fs/caller", "fs/denial", "fs/patience"},
    "plan": {"base", "compose", "image", "log", "mounts", "options"},
    "why": {"base", "explain", "image", "mounts", "run", "fs/counters", "fs/denial", "fs/explain", "fs/session"},
    "audit": {"base", "explain", "fs/route"},
    "watch": {"base", "explain", "log", "mounts", "options"},
    "advise": {"base", "compose", "explain", "mounts", "options", "fs/image_view", "fs/route"},
    "report": {"advise", "base", "control", "explain", "mounts", "plan"},
    "daemon": {"base", "control", "explain", "image", "log", "mounts", "options", "plan", "why", "fs/counters", "fs/denial",
               "fs/explain", "fs/learn_diff", "fs/patience", "fs/session", "fs/writers", "fs/volume_remove"},
}
PARTS = {name: SRC / name for name in PARTS_MAY}
APP = (SRC, *PARTS.values())

# Libraries of formats: for src/ alone.
FORMATS = re.compile(r"jansson|yaml|archive|json-glib|getopt|argp")

PRINTING = re.compile(r"\b(printf|fprintf|vprintf|vfprintf|dprintf|vdprintf|puts|fputs|putchar|perror|psignal|syslog|"
                      r"g_print|g_printerr|g_log|g_message|g_warning|g_critical|g_debug|g_info|g_error|warnx?|errx?)"
                      r"\s*\(|\b(stdout|stderr)\b")


def sources(*directories, kinds=("c", "h")):
    return sorted(path for directory in directories for kind in kinds for path in directory.glob(f"*.{kind}"))


@functools.cache
def code(path):
    """A file without its comments and without what stands in quotation marks, but for includes."""
    text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", path.read_text(), flags=re.DOTALL)
    return "\n".join(line if line.lstrip().startswith("#") else re.sub(r'"(\\.|[^"\\])*"', '""', line)
                     for line in text.split("\n"))


def own_includes(path):
    """Stems of the project's headers that a file includes, but its own."""
    found = {pathlib.PurePath(name).stem for name in re.findall(r'#\s*include\s+"([^"]+)"', code(path))}
    return found - {path.stem}


def system_includes(path):
    return re.findall(r"#\s*include\s+<([^>]+)>", code(path))


def allowed(path):
    """What the table says of a file, or None."""
    if re.match(r"session(_|$)", path.stem):
        return SESSION_MAY
    if re.match(r"ops(_|$)", path.stem):
        return OPS_MAY
    table = {**PURE, **READING, **ROUTES, **CALLERS, **TREE}
    return table.get(path.name, table.get(path.stem))


def test_there_is_something_to_look_at():
    assert len(sources(FS)) > 40
    assert len(sources(*APP)) > 200
    assert own_includes(FS / "union.c") >= {"layer", "path", "whiteout"}


def test_includes_follow_the_arrows():
    wrong = []
    for path in sources(FS):
        may = allowed(path)
        if may is None:
            wrong.append(f"fs/{path.name} is not in the table of this test")
        else:
            wrong += [f"fs/{path.name} includes {name}.h" for name in sorted(own_includes(path) - may - {path.stem})]
    assert not wrong


def test_table_names_only_what_is_there():
    stems = {path.stem for path in sources(FS)} | {path.name for path in sources(FS)}
    table = {**PURE, **READING, **ROUTES, **CALLERS, **TREE}
    assert not set(table) - stems
    headers = {path.stem for path in sources(FS, kinds=("h",))}
    assert not set().union(*table.values(), OPS_MAY, SESSION_MAY, PUBLIC) - headers


def test_no_cycle_between_modules_of_fs():
    """backing.h and backing.c are two here: seed and volume say their part with backing.h, and backing.c calls them."""
    graph = {}
    for path in sources(FS):
        name = path.name if path.stem == "backing" else path.stem
        graph.setdefault(name, set()).update("backing.h" if stem == "backing" else stem for stem in own_includes(path))
    state, stack = {}, []

    def visit(module):
        state[module] = "open"
        stack.append(module)
        for other in sorted(graph.get(module, ())):
            assert state.get(other) != "open", f"a cycle: {' -> '.join(stack[stack.index(other):] + [other])}"
            if other not in state:
                visit(other)
        stack.pop()
        state[module] = "done"

    for module in sorted(graph):
        if module not in state:
            visit(module)
    assert len(state) >= len({path.stem for path in sources(FS)})


def test_fs_never_includes_src():
    fs_headers = {path.stem for path in sources(FS, kinds=("h",))}
    assert not [f"{path.name}: {name}.h" for path in sources(FS) for name in own_includes(path) - fs_headers]
    assert not [path.name for path in sources(FS) if re.search(r'#\s*include\s+"[^"]*/', code(path))]


def test_src_sees_the_public_part_of_fs_alone():
    fs_headers = {path.stem for path in sources(FS, kinds=("h",))}
    src_headers = {path.stem for path in sources(*APP, kinds=("h",))}
    assert not fs_headers & src_headers, "one name, two headers"
    private = fs_headers - PUBLIC
    assert not [f"src/{path.name}: {name}.h" for path in sources(*APP) for name in own_includes(path) & private]


def owner(stem):
    """"log" for log_set, "fs/route" for route, "." for commands; None for no header of the project's."""
    for name, directory in {**PARTS, ".": SRC}.items():
        if (directory / f"{stem}.h").exists():
            return name
    return f"fs/{stem}" if (FS / f"{stem}.h").exists() else None


def seen_by(part):
    return {(path.name, owner(stem)) for path in sources(PARTS[part]) for stem in own_includes(path) if owner(stem)} - {
        (path.name, part) for path in sources(PARTS[part])}


@pytest.mark.parametrize("part", PARTS)
def test_a_part_of_src_sees_what_is_below_it(part):
    assert sources(PARTS[part])
    seen = seen_by(part)
    assert not {f"src/{part}/{name} sees {other}" for name, other in seen if other not in PARTS_MAY[part]}
    assert not PARTS_MAY[part] - {other for _, other in seen}, "the table allows what nobody needs"
    above = list(PARTS)[list(PARTS).index(part):]
    assert not PARTS_MAY[part] & set(above), "parts stand below who sees them"


def test_every_directory_of_src_is_a_part():
    assert {path.name for path in SRC.iterdir() if path.is_dir()} == set(PARTS)


def test_only_ops_and_session_know_fuse():
    users = {path for path in sources(FS, *APP) for name in system_includes(path) if "fuse" in name}
    assert users, "nobody includes libfuse: look at this test"
    assert not [path.name for path in users if path.parent != FS or not FUSE_MODULES.match(path.stem)]
    call = re.compile(r"\bfuse_(reply|req|session|lowlevel)_\w+\s*\(")
    named = {path for path in sources(FS, *APP) if call.search(code(path))}
    assert not [path.name for path in named if path.parent != FS or not FUSE_MODULES.match(path.stem)]


def test_only_src_knows_formats():
    includes = [(path.name, name) for path in sources(FS) for name in system_includes(path)]
    assert includes
    assert not [include for include in includes if FORMATS.search(include[1])]
    assert any("jansson" in name for path in sources(*APP) for name in system_includes(path))


def test_fs_prints_nothing():
    wrong = [f"fs/{path.name}: {match[0]}" for path in sources(FS) for match in PRINTING.finditer(code(path))]
    assert not wrong
    assert PRINTING.search(code(SRC / "main.c") + code(SRC / "base" / "app_error.c")), "src/ prints: look at this test"


def test_files_are_not_too_long():
    tests = [path for kind in ("*.py", "*.c", "*.h") for path in (ROOT / "tests").rglob(kind)]
    lengths = {path: len(path.read_text().splitlines()) for path in sources(FS, *APP) + tests}
    assert not {str(path.relative_to(ROOT)): lines for path, lines in lengths.items() if lines > MAX_LINES}


@functools.cache
def library_flags():
    command = ["pkg-config", "--cflags", "glib-2.0", "fuse3", "jansson", "libarchive", "yaml-0.1", "libcap", "libseccomp", "ncursesw"]
    return tuple(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())


@pytest.mark.parametrize("path", sources(FS, *APP, kinds=("h",)), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_header_is_self_contained(path, tmp_path):
    """It compiles alone, and twice; a header of fs/ does not see src/."""
    unit = tmp_path / "unit.c"
    unit.write_text(f'#include "{path.name}"\n#include "{path.name}"\nextern int not_empty;\n')
    directories = [f"-I{FS}"] + ([f"-I{directory}" for directory in APP] if path.parent != FS else [])
    result = subprocess.run(["cc", "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
                             *directories, *library_flags(), str(unit)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
