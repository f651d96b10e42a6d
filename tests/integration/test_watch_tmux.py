"""rofuse watch in a real tmux, started from a shell: what a person sees there, at every size, and afterwards."""

import shlex
import subprocess
import time

import pytest
import rofuse_test

PROMPT = "ready>"


class Tmux:
    """A server of its own with one window, in which a shell runs."""

    def __init__(self, scratch, term, width=80, height=24):
        self.socket = scratch / "tmux"
        self.tmux("new-session", "-d", "-x", width, "-y", height, shlex.join(["env", f"TERM={term}", f"PS1={PROMPT} ", "ENV=", "LC_ALL=C.UTF-8", "sh"]))
        self.wait(lambda lines: lines[0] == PROMPT, "the shell's prompt")

    def tmux(self, *words):
        done = subprocess.run(["tmux", "-f", "/dev/null", "-u", "-S", self.socket, *map(str, words)], capture_output=True, text=True, check=True)
        return done.stdout

    def press(self, *keys):
        self.tmux("send-keys", *keys)

    def type(self, text):
        self.tmux("send-keys", "-l", text)

    def lines(self):
        return [line.rstrip() for line in self.tmux("capture-pane", "-p").split("\n")[:-1]]

    def wait(self, holds, what):
        """Until holds(lines); a text is one that must stand somewhere."""
        condition = (lambda lines: any(holds in line for line in lines)) if isinstance(holds, str) else holds
        deadline = time.monotonic() + 60
        while not condition(lines := self.lines()):
            assert time.monotonic() < deadline, f"{what}: not after 60 s; there is\n" + "\n".join(lines)
            time.sleep(0.03)
        return lines

    def resize(self, width, height):
        self.tmux("resize-window", "-x", width, "-y", height)

    def asked(self, variable):
        return self.tmux("display-message", "-p", f"#{{{variable}}}").strip()

    def end(self):
        self.tmux("kill-server")


@pytest.fixture(params=["screen", "tmux-256color"])
def tmux(request, scratch):
    server = Tmux(scratch, request.param)
    yield server
    server.end()


@pytest.fixture
def mount(rofuse, scratch):
    for name in ("var/cache/app", "var/lib/app", "etc"):
        (scratch / "layer" / name).mkdir(parents=True)
    return rofuse(layers=[scratch / "layer"])


def run(mount, program, *names):
    return subprocess.run([program, *(str(mount.path(name)) for name in names)], check=False, capture_output=True).returncode


def places(lines):
    """The places that are shown, newest first."""
    head = next(number for number, line in enumerate(lines) if line.endswith(" PLACE"))
    return [line.split()[-1] for line in lines[head + 1:-2] if line]


def test_a_session(tmux, mount):
    run(mount, "mkdir", "/var/cache/app/x")
    run(mount, "mkfifo", "/var/cache/app/pipe")
    run(mount, "touch", "/etc/new")
    tmux.type("echo before")
    tmux.press("Enter")
    tmux.wait(lambda lines: "before" in lines and [line for line in lines if line][-1] == PROMPT, "the prompt")
    tmux.type(shlex.join([rofuse_test.BINARY, "watch", f"--state-dir={mount.state}"]))
    tmux.press("Enter")
    tmux.wait(lambda lines: "3 places" in lines[0] and places(lines) == ["/etc/new", "/var/cache/app/pipe", "/var/cache/app/x"], "the rows")
    assert (tmux.asked("alternate_on"), tmux.asked("cursor_flag")) == ("1", "0")

    # One is opened; the arrow is what tmux makes of it for this terminal.
    tmux.press("Down", "Enter")
    lines = tmux.wait(lambda lines: any("Attempts" in line for line in lines) and lines[-1].endswith("q back"), "all that is known")
    assert "Place        /var/cache/app/pipe" in lines
    tmux.press("q")

    # A tmpfs on the spot: both of its directory are mended, and no other.
    tmux.press("t")
    tmux.wait("--tmpfs /var/cache/app:tmpcopyup", "the question")
    assert tmux.asked("cursor_flag") == "1"
    tmux.press("Enter")
    lines = tmux.wait("let the program try again", "the answer")
    assert [line.split()[-1] for line in lines if "declared  " in line] == ["/var/cache/app/pipe", "/var/cache/app/x"]
    assert run(mount, "mkdir", "/var/cache/app/x") == 0

    tmux.type("/mkfifo")
    tmux.press("Enter")
    tmux.wait(lambda lines: "1 of 3 places" in lines[0] and places(lines) == ["/var/cache/app/pipe"], "the filtered list")
    tmux.press("Escape")
    tmux.wait(lambda lines: len(places(lines)) == 3, "all of them")
    tmux.press("i")
    tmux.wait(lambda lines: "1 ignored" in lines[0] and "/var/cache/app/pipe" not in places(lines), "the shorter list")
    tmux.press("I")
    tmux.wait(lambda lines: len(places(lines)) == 3, "all of them again")

    # Somebody else writes on the terminal; ^L mends it.
    with open(tmux.asked("pane_tty"), "w", encoding="ascii") as terminal:
        terminal.write("\x1b[5;1Hsmeared")
    tmux.wait("smeared", "what does not belong there")
    tmux.press("C-l")
    tmux.wait(lambda lines: not any("smeared" in line for line in lines) and len(places(lines)) == 3, "the mended screen")

    # Smaller and larger: every line is of the new size, and nothing of the old one is left.
    for width, height in ((40, 10), (120, 40), (80, 24)):
        tmux.resize(width, height)
        lines = tmux.wait(lambda lines, width=width, height=height: len(lines) == height and lines[-1].endswith("q quit")
                          and len(lines[0]) == width and len(places(lines)) == 3, f"the view at {width}x{height}")
        assert sum("PLACE" in line for line in lines) == 1 and sum("q quit" in line for line in lines) == 1

    # Away and back.
    tmux.press("C-z")
    tmux.wait(lambda lines: [line for line in lines if line][-1] == PROMPT and any("topped" in line for line in lines), "the shell")
    assert tmux.asked("cursor_flag") == "1"
    tmux.type("fg")
    tmux.press("Enter")
    tmux.wait(lambda lines: "3 places" in lines[0] and len(places(lines)) == 3, "the view again")

    # The shell is as it was: its screen, its cursor, its echo.
    tmux.press("q")
    lines = tmux.wait(lambda lines: [line for line in lines if line][-1] == PROMPT, "the prompt")
    assert "before" in lines and not any("PLACE" in line for line in lines), "\n".join(lines)
    assert (tmux.asked("alternate_on"), tmux.asked("cursor_flag")) == ("0", "1")
    tmux.type("echo st''ill here")
    tmux.wait(f"{PROMPT} echo st''ill here", "the echo")
    tmux.press("Enter")
    tmux.wait("still here", "what it says")
