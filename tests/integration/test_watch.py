"""rofuse watch: a real terminal, real denials, keys; and lines in a pipe."""

import json
import os
import re
import select
import signal
import subprocess

from control import Control
import jsonschema
import pytest
import rofuse_test
from terminal import Terminal

FACTS = json.loads((rofuse_test.ROOT / "src" / "explain" / "facts.schema.json").read_text())
LEAVE = b"\x1b[?1049l"  # back to the screen that was there before


def words(mount, *more):
    return [rofuse_test.BINARY, "watch", f"--state-dir={mount.state}", *more]


@pytest.fixture
def layer(scratch):
    path = scratch / "layer"
    for name in ("var/cache/app", "var/lib/app", "etc"):
        (path / name).mkdir(parents=True)
    (path / "var/cache/app/old").write_text("of the image")
    return path


@pytest.fixture
def mount(rofuse, layer):
    return rofuse(layers=[layer])


def run(mount, program, *names):
    """A program that fails on paths inside."""
    return subprocess.run([program, *(str(mount.path(name)) for name in names)], check=False, capture_output=True)


def row(place):
    """Matches the screen when a row ends in this place."""
    return lambda lines: any(re.match(r"[> ] \w", line) and line.endswith(" " + place) for line in lines[1:-2])


def cells(terminal, place):
    """The columns of a row: mark, class, age, count, process, place."""
    found = [line for line in terminal.lines if line.endswith(" " + place)]
    assert len(found) == 1, terminal.text()
    return [found[0][0], *found[0][1:].split()]


def test_denials_appear_folded_and_newest_first(mount):
    run(mount, "mkdir", "/etc/first")
    with Terminal(words(mount)) as terminal:
        terminal.wait(row("/etc/first"), "what was there before")
        assert terminal.lines[0].startswith(f"rofuse watch {mount.point.name}  {mount.point}"[:50])
        assert re.match(r"  CLASS +AGE +COUNT +PROCESS +PLACE$", terminal.lines[1])
        assert terminal.lines[-1] == "Enter open  t tmpfs  v volume  / filter  w write  l learn  ? help  q quit"
        for _ in range(3):
            run(mount, "mkfifo", "/var/lib/app/pipe")
        terminal.wait(lambda lines: "2 places, 4 calls" in lines[0], "the newer ones")
        assert [line.split()[-1] for line in terminal.lines[2:4]] == ["/var/lib/app/pipe", "/etc/first"]
        mark, _, age, count, process, _ = cells(terminal, "/var/lib/app/pipe")
        assert (mark, count, process) == (">", "3", "mkfifo")
        assert re.match(r"\d+s", age)
        terminal.press("q")
        assert terminal.end() == 0
        assert terminal.raw.endswith(LEAVE) or LEAVE in terminal.raw[-200:]


def test_one_is_opened(mount, layer):
    run(mount, "mkdir", "/etc/first")
    run(mount, "mkdir", "/var/lib/app/second")
    with Terminal(words(mount)) as terminal:
        terminal.wait(row("/etc/first"), "the rows")
        terminal.press("j", "enter")
        lines = terminal.wait("Attempts", "all that is known of it")
        said = {line[:13].strip(): line[13:] for line in lines if line[:13].strip()}
        assert said["Place"] == "/etc/first" and said["Directory"] == "/etc"
        assert said["Held by"] == f"layer 0 of the image, {layer}"[:66].strip()
        assert said["Refused"] == "mkdir: EROFS, not-declared"
        assert said["Program"].endswith("/mkdir")
        assert said["Arguments"] == f"mkdir {mount.path('/etc/first')}"[:66]
        assert said["Process"].endswith("uid 0, gid 0")
        assert "python" in said["Parents"]
        assert said["Because"] and said["Class"]
        terminal.press("q")
        terminal.wait("PLACE", "the list")
        terminal.press("?")
        terminal.wait("declare a tmpfs for its directory", "the help")
        terminal.press("q")
        terminal.wait("PLACE", "the list")
        terminal.press("q")
        assert terminal.end() == 0


def test_a_tmpfs_is_declared_on_the_spot(mount):
    assert run(mount, "mkdir", "/var/cache/app/new").returncode != 0
    with Terminal(words(mount)) as terminal:
        terminal.wait(row("/var/cache/app/new"), "the row")
        terminal.press("t")
        terminal.wait("--tmpfs /var/cache/app:tmpcopyup", "the question")
        assert run(mount, "mkdir", "/var/cache/app/new").returncode != 0, "declared without a yes"
        terminal.wait(lambda lines: cells(terminal, "/var/cache/app/new")[3] == "2", "the second call")
        terminal.press("enter")
        terminal.wait("let the program try again", "the answer")
        assert cells(terminal, "/var/cache/app/new")[1] == "declared"
        assert run(mount, "mkdir", "/var/cache/app/new").returncode == 0
        assert mount.path("/var/cache/app/old").read_text() == "of the image"
        # The same place again is no remedy; the daemon says so and the view goes on.
        terminal.press("t", "enter")
        terminal.wait(lambda lines: "/var/cache/app" in lines[-2], "the error")
        terminal.press("q")
        assert terminal.end() == 0


def test_another_user_gets_a_tmpfs_of_its_own(mount):
    """And the value can be edited."""
    asked = ["setpriv", "--reuid=33", "--regid=34", "--clear-groups", "mkdir"]

    def make(name):
        return subprocess.run([*asked, str(mount.path(name))], check=False, capture_output=True, text=True).stderr

    for name in ("/var/lib/app/new", "/var/cache/app/new"):
        assert "Read-only" in make(name)
        with Terminal(words(mount)) as terminal:
            terminal.wait(row(name), "the row")
            terminal.press("t")
            terminal.wait(f"--tmpfs {name[:-4]}:mode=0755,uid=33,gid=34", "the question")
            terminal.press(*(",size=64k" if "lib" in name else ""), "enter")
            terminal.wait("let the program try again", "the answer")
        assert make(name) == ""
    assert os.statvfs(mount.path("/var/lib/app")).f_blocks * os.statvfs(mount.path("/var/lib/app")).f_frsize == 65536
    assert not mount.path("/var/cache/app/old").exists()


def test_a_volume_is_declared_on_the_spot(mount):
    run(mount, "mkdir", "/var/lib/app/new")
    with Terminal(words(mount)) as terminal:
        terminal.wait(row("/var/lib/app/new"), "the row")
        terminal.press("v")
        terminal.wait("--volume var-lib-app:/var/lib/app", "the question")
        terminal.press("esc")
        terminal.wait(lambda lines: lines[-1].startswith("Enter open"), "no")
        terminal.press("v", "clear", *"d1:/var/lib/app", "enter")
        terminal.wait("let the program try again", "the answer")
        assert run(mount, "mkdir", "/var/lib/app/new").returncode == 0
        assert (mount.state / "volumes" / "d1" / "_data" / "new").is_dir()
        terminal.press("v", "clear", *"nonsense:", "enter")
        terminal.wait(lambda lines: "--volume" in lines[-2], "what is wrong with the value")
        terminal.press("q")
        assert terminal.end() == 0


def test_filter_ignore_and_pause(mount):
    run(mount, "mkdir", "/etc/one")
    run(mount, "mkfifo", "/etc/two")
    with Terminal(words(mount)) as terminal:
        terminal.wait(row("/etc/one"), "the rows")
        terminal.press(*"/mkdir", "enter")
        terminal.wait(lambda lines: row("/etc/one")(lines) and not row("/etc/two")(lines), "the filtered list")
        assert "[filter: mkdir]" in terminal.lines[-1]
        terminal.press("i")
        terminal.wait("Nothing fits the filter", "the emptied list")
        terminal.press("esc")
        terminal.wait(row("/etc/two"), "the list without a filter")
        assert not row("/etc/one")(terminal.lines) and "1 ignored" in terminal.lines[0]
        terminal.press("I")
        terminal.wait(row("/etc/one"), "all of them")
        terminal.press("p")
        terminal.wait("[paused]", "the pause")
        run(mount, "mkdir", "/etc/three")
        with Terminal(words(mount)) as other:
            other.wait(row("/etc/three"), "the row in another view")
        assert not row("/etc/three")(terminal.lines)
        terminal.press("p")
        terminal.wait(row("/etc/three"), "what came meanwhile")


def test_the_class_is_told_and_changes(mount):
    """A shell that goes on, and one that ends because of it."""
    with Terminal(words(mount)) as terminal:
        terminal.wait("Nothing has been refused yet", "the empty view")
        subprocess.run(["sh", "-c", f"mkdir {mount.path('/etc/a')}; exit 3"], check=False, capture_output=True)
        terminal.wait(lambda lines: row("/etc/a")(lines) and cells(terminal, "/etc/a")[1] == "fatal", "the class")
        assert "mkdir" in terminal.lines[-2] or "sh" in terminal.lines[-2]


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"])
def test_a_signal_gives_the_terminal_back(mount, name):
    number = getattr(signal, name)
    with Terminal(words(mount)) as terminal:
        terminal.wait("q quit", "the view")
        terminal.process.send_signal(number)
        assert terminal.end() == -number
        assert LEAVE in terminal.raw[-200:]


def test_control_c_gives_the_terminal_back(mount):
    with Terminal(words(mount)) as terminal:
        terminal.wait("q quit", "the view")
        terminal.press("\x03")
        assert terminal.end() == -signal.SIGINT


def test_a_terminal_that_is_gone_ends_it(mount):
    with Terminal(words(mount)) as terminal:
        terminal.wait("q quit", "the view")
        terminal.hang_up()
        assert terminal.process.wait(60) == -signal.SIGHUP


@pytest.mark.parametrize("how", ["end", "kill"])
def test_a_daemon_that_ends_leaves_what_is_shown(mount, how):
    run(mount, "mkdir", "/etc/a")
    with Terminal(words(mount)) as terminal:
        terminal.wait(row("/etc/a"), "the row")
        getattr(mount, how)()
        terminal.wait("The daemon has ended", "the news")
        assert "[ended]" in terminal.lines[0] and row("/etc/a")(terminal.lines)
        terminal.press("t", "enter")
        terminal.wait("the daemon has ended", "that nothing can be declared")
        terminal.press("enter")
        terminal.wait("Attempts", "what is known still")
        terminal.press("q", "q")
        assert terminal.end() == 0


def test_a_daemon_that_hangs_does_not_take_the_keys(mount):
    run(mount, "mkdir", "/etc/a")
    with Terminal(words(mount)) as terminal:
        terminal.wait(row("/etc/a"), "the row")
        mount.stop()
        try:
            terminal.press("t", "enter")
            terminal.wait("declaring /etc", "that it is asked")
            terminal.press("enter")
            terminal.wait("Attempts", "the open fact")
            terminal.press("q", "q")
            assert terminal.end() == 0
        finally:
            mount.go_on()


def test_a_daemon_that_wants_the_place_back_has_not_ended(mount):
    """A connection that asks nothing is closed where others come, or after a minute; then it is made anew."""
    with Terminal(words(mount)) as terminal:
        terminal.wait("Nothing has been refused yet", "the empty view")
        others = []

        def is_served(control):
            try:
                return control.ask("nonsense") is not None
            except (BrokenPipeError, ConnectionResetError):
                return False

        def only_the_follower_is_left():
            terminal.take()
            more = Control(mount)
            if is_served(more):
                others.append(more)
            ended = select.select([one.socket for one in others], [], [], 0)[0]
            others[:] = [one for one in others if one.socket not in ended]
            return len(others) == 31

        rofuse_test.wait_until(only_the_follower_is_left, "all other places")
        for control in others:
            control.close()
        run(mount, "mkdir", "/var/lib/app/new")
        terminal.wait(row("/var/lib/app/new"), "what comes then")
        terminal.press("t", "enter")
        terminal.wait("let the program try again", "the answer")
        terminal.press("q")
        assert terminal.end() == 0


def test_sizes(mount):
    run(mount, "mkdir", "/etc/" + "n" * 100)
    with Terminal(words(mount)) as terminal:
        terminal.wait("nnnn", "the row")
        for width, height in ((200, 50), (40, 10), (20, 4), (5, 2), (80, 24)):
            terminal.resize(width, height)
            wanted = "PLACE" if height > 4 and width >= 40 else "mnt" if height > 2 else "? he"
            terminal.wait(lambda lines, wanted=wanted, height=height: len(lines) == height and any(wanted in line for line in lines),
                          f"the view at {width}x{height}")
        terminal.wait(row("\N{HORIZONTAL ELLIPSIS}" + "n" * 37), "the place, its end first")
        terminal.press("q")
        assert terminal.end() == 0


def colors(terminal):
    """Whether anything on the screen has a colour."""
    return any(char.fg != "default" or char.bg != "default" for line in terminal.screen.buffer.values() for char in line.values())


@pytest.mark.parametrize("term, env, has_colors", [
    ("xterm-256color", {}, True),
    ("xterm-256color", {"NO_COLOR": "1"}, False),
    ("screen-256color", {}, True),
    ("linux", {}, True),
    ("vt100", {}, False),
])
def test_terminals(mount, term, env, has_colors):
    subprocess.run(["sh", "-c", f"mkdir {mount.path('/etc/a')}; exit 3"], check=False, capture_output=True)
    with Terminal(words(mount), term=term, env=env) as terminal:
        terminal.wait(lambda lines: row("/etc/a")(lines) and cells(terminal, "/etc/a")[1] == "fatal", "the row")
        # What is selected can be told without them.
        assert cells(terminal, "/etc/a")[0] == ">"
        assert colors(terminal) == has_colors
        terminal.press("q")
        assert terminal.end() == 0


def test_a_terminal_without_a_cursor_gets_lines(mount):
    run(mount, "mkdir", "/etc/a")
    for term in ("dumb", "no-such-terminal"):
        with Terminal(words(mount), term=term) as terminal:
            terminal.wait(" mkdir /etc/a mkdir EROFS not-declared 1 time: ", "a line")
            assert b"\x1b" not in terminal.raw
            terminal.process.terminate()
            terminal.end()


@pytest.mark.parametrize("locale, shown", [("C.UTF-8", "/etc/grüße\\x1b[31m\\xff"), ("C", "/etc/gr\\xc3\\xbc\\xc3\\x9fe\\x1b[31m\\xff")])
def test_names_are_no_commands_to_the_terminal(mount, locale, shown):
    name = os.fsencode(mount.path("/etc/grüße")) + b"\x1b[31m\xff"
    subprocess.run(["mkdir", name], check=False, capture_output=True)
    with Terminal(words(mount), width=120, locale=locale) as terminal:
        terminal.wait(row(shown), "the row")
        assert b"\xff" not in terminal.raw and (locale != "C" or all(byte < 128 for byte in terminal.raw))
        terminal.press("enter")
        terminal.wait(shown, "it as a whole")
        terminal.press("t", "end", "ü" if locale != "C" else "x", "enter")
        terminal.wait(lambda lines: "--tmpfs" in lines[-2], "what is wrong with the value")
        terminal.press("q", "q")
        assert terminal.end() == 0


def test_the_advice_is_written_to_a_new_file(mount):
    run(mount, "mkdir", "/var/cache/app/new")
    old, new = mount.scratch / "old", mount.scratch / "new"
    old.write_text("mine")
    with Terminal(words(mount)) as terminal:
        terminal.wait(row("/var/cache/app/new"), "the row")
        terminal.press("w", "clear", *str(old), "enter")
        terminal.wait("choose another name", "that a file is not overwritten")
        assert old.read_text() == "mine"
        terminal.press("w", "clear", *str(new), "enter")
        terminal.wait(f"the advice is in {new}"[:60], "that it is done")
        assert "/var/cache/app" in new.read_text()


def test_advice_that_cannot_be_had_is_no_file(mount):
    """Whoever is connected already goes on; rofuse advise finds no socket."""
    run(mount, "mkdir", "/var/cache/app/new")
    new = mount.scratch / "new"
    with Terminal(words(mount), width=200) as terminal:
        terminal.wait(row("/var/cache/app/new"), "the row")
        (mount.state / "run" / f"{mount.point.name}.sock").unlink()
        terminal.press("w", "clear", *str(new), "enter")
        terminal.wait("rofuse advise: no daemon answers at ", "why not")
        assert not new.exists()
        terminal.press("enter")
        terminal.wait("Attempts", "what is known, as before")
        terminal.press("q", "q")
        assert terminal.end() == 0


def test_learn_mode_is_switched(mount):
    with Terminal(words(mount)) as terminal:
        terminal.wait("Nothing has been refused yet", "the empty view")
        terminal.press("l")
        terminal.wait("[learning]", "learn mode")
        assert run(mount, "mkdir", "/etc/a").returncode == 0
        terminal.wait(lambda lines: row("/etc/a")(lines) and cells(terminal, "/etc/a")[1] == "learned", "the row")
        terminal.press("l")
        terminal.wait(lambda lines: "[learning]" not in lines[0] and "learn mode is off" in lines[-2], "its end")
        assert run(mount, "mkdir", "/etc/b").returncode != 0
        # By somebody else.
        subprocess.run([rofuse_test.BINARY, "learn", "on", f"--state-dir={mount.state}"], check=True, capture_output=True)
        terminal.wait(lambda lines: "[learning]" in lines[0], "learn mode")
        terminal.press("l")
        terminal.wait(lambda lines: "[learning]" not in lines[0] and "learn mode is off" in lines[-2], "its end")


def test_lines_in_a_pipe(mount):
    process = subprocess.Popen(words(mount), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    run(mount, "mkdir", "/etc/a")
    line = process.stdout.readline()
    assert re.match(r"\d\d:\d\d:\d\d\.\d{3} \w+ mkdir /etc/a mkdir EROFS not-declared 1 time: \w", line)
    run(mount, "mkfifo", "/etc/b")
    while " /etc/b " not in line:  # the class of the first may have come to be known
        line = process.stdout.readline()
        assert line
    mount.end()
    out, err = process.communicate(timeout=60)
    assert (err, process.returncode) == ("", 0)
    assert all(re.match(r"\d\d:\d\d", line) for line in out.splitlines())


def test_json_in_a_pipe(mount):
    process = subprocess.Popen(words(mount, mount.point.name, "--json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    run(mount, "mkdir", "/etc/a")
    fact = json.loads(process.stdout.readline())
    jsonschema.Draft202012Validator({**FACTS["$defs"]["fact"], "$defs": FACTS["$defs"]}).validate(fact)
    assert fact["place"] == "/etc/a"
    process.stdout.close()
    assert process.wait(60) in (0, -signal.SIGPIPE), "it goes on though nobody reads"
    assert process.stderr.read() == ""
    process.stderr.close()


def test_what_comes_just_before_the_end_is_shown(mount):
    """Sooner than the daemon would be asked again."""
    process = subprocess.Popen(words(mount, mount.point.name, "--json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    run(mount, "mkdir", "/etc/first")
    lines = [process.stdout.readline()]
    names = ["/etc/last", "/last"]
    run(mount, "mkdir", *names)
    mount.end()
    out, err = process.communicate(timeout=60)
    assert (err, process.returncode) == ("", 0)
    assert {json.loads(line)["place"] for line in lines + out.splitlines()} == {"/etc/first", *names}


@pytest.mark.parametrize("more, status", [(["one", "two"], 2), ([""], 2), (["/tmp"], 1), ([], 1)])
def test_what_cannot_be_watched(scratch, more, status):
    done = subprocess.run([rofuse_test.BINARY, "watch", f"--state-dir={scratch}", *more], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (status, "", 1)
