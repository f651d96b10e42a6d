"""Completion: what the program offers, and the shells' scripts in the real shells."""

import os
import shutil
import subprocess

import image_files
import pytest
import rofuse_test
from terminal import Terminal

# Many short commands: with sanitizers each of them takes long to start.
pytestmark = pytest.mark.slow

SCRIPTS = rofuse_test.ROOT / "src" / "completion"
SHELLS = [("bash", "rofuse.bash"), ("zsh", "_rofuse"), ("fish", "rofuse.fish")]


def offered(*words, cwd="/"):
    """What may stand for the last of the words after "rofuse"."""
    done = subprocess.run([rofuse_test.BINARY, "__complete", *map(str, words)], capture_output=True, text=True, check=True, cwd=cwd)
    assert done.stderr == ""
    return [line.split("\t")[0] for line in done.stdout.splitlines()]


def test_commands():
    told = offered("")
    assert {"mount", "umount", "status", "log", "watch", "route", "run", "image"} <= set(told)
    assert offered("st") == ["status"]
    assert "a write" not in told and "__complete" not in told
    assert {"import", "ls", "rm"} <= set(offered("image", ""))
    assert offered("image", "pr") == ["prune"]
    assert offered("nonsense", "") == [] and offered("image", "nonsense", "") == []
    assert "--help" in offered("--")


def test_what_a_command_is_for_is_told():
    done = subprocess.run([rofuse_test.BINARY, "__complete", "um"], capture_output=True, text=True, check=True)
    assert done.stdout == "umount\tunmount, saying who is in the way, and wait for the end\n"


def test_options_and_their_values():
    assert {"--follow", "--since", "--format", "--help"} <= set(offered("log", "--"))
    assert offered("log", "--fo") == ["--follow", "--format"]
    assert offered("log", "--format", "") == ["text", "json", "ecs", "ocsf", "falco"]
    assert offered("log", "--format=e") == ["--format=ecs"]
    assert offered("mount", "--log-format", "o") == ["ocsf"]
    assert offered("run", "--report", "") == ["text", "json", "none"]
    assert offered("advise", "--for", "") == ["compose", "docker", "podman", "kubernetes", "systemd", "rofuse"]
    assert offered("run", "--runtime", "") == ["builtin", "bwrap", "runc", "crun"]
    assert offered("mount", "--layer", "") == [":directories"]
    assert offered("mount", "--compose=") == [":files"]
    assert offered("mount", "--since", "") == [":directories"], "an option that mount has not got takes no value"
    assert offered("run", "--", "") == [":files"]


def test_mounts_places_and_paths(rofuse, scratch):
    layer = scratch / "layer"
    (layer / "etc" / "nginx").mkdir(parents=True)
    (layer / "etc" / "name with blank").touch()
    (layer / "etc" / "new\nline").touch()
    (layer / "etc" / "outside").symlink_to("/")
    (layer / "passwd").touch()
    one = rofuse(layers=[layer], tmpfs=["/tmp", "/var/tmp"])
    two = rofuse(tmpfs=["/run"])
    state = f"--state-dir={one.state}"
    both = sorted([str(one.point), one.point.name, str(two.point), two.point.name])
    for command in (["status"], ["umount"], ["log"], ["watch"], ["route", "ls"], ["route", "add"]):
        assert sorted(offered(*command, state, "")) == both
    assert offered("status", "--state-dir", one.state, one.point.name[:-1] + one.point.name[-1]) == [one.point.name]
    # The place itself, of the only mount; or of the one that is named.
    assert sorted(offered("route", "rm", state, one.point, "")) == ["/tmp", "/var/tmp"]
    assert offered("route", "rm", state, two.point.name, "/tmp", "/r") == ["/run"]
    assert set(offered("route", "rm", state, "/")) == {str(one.point), str(two.point), "/tmp", "/var/tmp", "/run"}
    if "why" in offered(""):
        assert sorted(offered("why", state, one.point, "/e")) == ["/etc/"]
        assert sorted(offered("why", state, one.point, "/etc/n")) == ["/etc/name with blank", "/etc/nginx/"]
        assert "/etc/outside/bin" not in offered("why", state, one.point, "/etc/outside/")
        assert "/etc/outside/passwd" in offered("why", state, one.point, "/etc/outside/")
        # What is declared to be writable is a directory there, no matter whether it is one already.
        assert offered("route", "add", state, one.point, "--tmpfs", "/e") == ["/etc/"]
        assert offered("route", "add", state, one.point, "--tmpfs=/etc/n") == ["--tmpfs=/etc/nginx/"]
        # One that hangs is not waited for.
        one.process.send_signal(19)
        try:
            assert offered("why", state, one.point, "/e") == []
        finally:
            one.process.send_signal(18)
    assert len(one.records()) == 0, "looking has been taken for writing"


def test_images_and_services(scratch):
    state = scratch / "state"
    image_files.layout(scratch / "oci", [image_files.tar([image_files.entry("file")])])
    image_files.succeed("import", f"oci:{scratch}/oci", "--name", "app:1", state=state)
    flag = f"--state-dir={state}"
    assert offered("image", "rm", flag, "") == ["app:1"]
    assert offered("image", "inspect", flag, "ap") == ["app:1"]
    assert offered("mount", flag, "--image", "a") == ["app:1", ":files"]
    (scratch / "compose.yaml").write_text("services: {web: {image: x}, worker: {image: y}}\n")
    assert offered("run", "w", cwd=scratch) == ["web", "worker"]
    assert offered("config", "--service=we", cwd=scratch) == ["--service=web"]
    (scratch / "other.yaml").write_text("services: {db: {image: x}}\n")
    assert offered("run", "--compose", "other.yaml", "", cwd=scratch) == ["db"]
    (scratch / "compose.yaml").write_text("services: [\n")
    assert offered("run", "w", cwd=scratch) == []


def complete_in_bash(line, cwd):
    """COMPREPLY for a line whose end is the cursor, as bash itself takes it apart."""
    program = ('source "$1"; rofuse() { :; }; COMP_LINE=$2; COMP_POINT=${#2}; shift 2; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
               "_rofuse; printf '%s\\n' \"${COMPREPLY[@]}\"")
    done = subprocess.run(["bash", "--norc", "-c", program, "bash", SCRIPTS / "rofuse.bash", line, *split_as_bash(line)],
                          capture_output=True, text=True, check=True, cwd=cwd)
    return [word for word in done.stdout.split("\n") if word]


def split_as_bash(line):
    """Words as readline breaks them, at blanks, "=" and ":"."""
    words, word = [], ""
    for char in line:
        if char in " =:":
            if word:
                words.append(word)
            if char != " ":
                words.append(char)
            word = ""
        else:
            word += char
    return words + ([word] if word or line[-1] == " " else [])


def test_bash_function(rofuse, scratch):
    mount = rofuse(tmpfs=["/tmp"])
    (scratch / "layers" / "base").mkdir(parents=True)
    program = rofuse_test.BINARY
    for line, replies in {
        f"{program} st": ["status"],
        f"{program} log --format=": ["text", "json", "ecs", "ocsf", "falco"],
        f"{program} log --format=fa": ["falco"],
        f"{program} log --format ec": ["ecs"],
        f"{program} route rm --state-dir={mount.state} {mount.point.name} /t": ["/tmp"],
        f"{program} mount --layer=lay": ["layers"],
        f"{program} mount --layer layers/b": ["layers/base"],
        f"{program} mount --image oci:lay": ["layers"],
    }.items():
        assert complete_in_bash(line, scratch) == replies, line


def shell_words(shell, home, script):
    """How a shell is started with nothing of its own but the completion, and "$" as its prompt; and its variables."""
    path = f"PATH={home}:$PATH"
    if shell == "bash":
        (home / "rc").write_text(f"PS1='$ '\n{path}\nbind 'set bell-style none'\nbind 'set show-all-if-ambiguous on'\nsource {script}\n")
        return ["bash", "--rcfile", home / "rc", "-i"], {"INPUTRC": "/dev/null"}
    if shell == "zsh":
        (home / ".zshrc").write_text(f"PS1='$ '\n{path}\nfpath=({script.parent} $fpath)\nautoload -Uz compinit\ncompinit -u -D\n")
        return ["zsh", "-i"], {"ZDOTDIR": str(home)}
    setup = f"function fish_prompt; echo '$ '; end; set -g fish_greeting; set -g fish_autosuggestion_enabled 0; set -gx PATH {home} $PATH; source {script}"
    return ["fish", "--no-config", "-i", "-C", setup], {"HOME": str(home)}


@pytest.mark.parametrize("shell, script", SHELLS)
def test_in_a_real_shell(rofuse, scratch, monkeypatch, shell, script):
    """Keys in a terminal, and what the shell makes of them."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    layer = scratch / "layer"
    for name in ("etc/name with blank/inner", "etc/dol$ar", "etc/back\\slash", "etc/co:lon", "etc/gr\u00fcn"):
        (layer / name).parent.mkdir(parents=True, exist_ok=True)
        (layer / name).touch()
    mount = rofuse(layers=[layer], tmpfs=["/tmp"])
    home = scratch / "home"
    (home / "my layers").mkdir(parents=True)
    os.symlink(os.path.abspath(rofuse_test.BINARY), home / "rofuse")
    monkeypatch.chdir(home)
    why = f"rofuse why --state-dir {mount.state} {mount.point.name} "
    cases = {
        "rofuse sta": "rofuse status",
        "rofuse log --format=ec": "rofuse log --format=ecs",
        "rofuse advise --for=po": "rofuse advise --for=podman",
        f"rofuse status --state-dir={mount.state} {mount.point.name[:-1]}": f"rofuse status --state-dir={mount.state} {mount.point.name}",
        f"rofuse route rm --state-dir={mount.state} {mount.point} /t": f"rofuse route rm --state-dir={mount.state} {mount.point} /tmp",
        f"{why}/etc/na": f"{why}/etc/name\\ with\\ blank/",
        f"{why}/etc/name\\ with\\ blank/": f"{why}/etc/name\\ with\\ blank/inner",
        f"{why}'/etc/name with blank/i": f"{why}'/etc/name with blank/inner'",
        f"{why}/etc/dol": f"{why}/etc/dol\\$ar",
        f"{why}/etc/ba": f"{why}/etc/back\\\\slash",
        f"{why}/etc/co:l": f"{why}/etc/co:lon",
        f"{why}/etc/g": f"{why}/etc/gr\u00fcn",
        "rofuse mount --layer=my": "rofuse mount --layer=my\\ layers/",
        "rofuse mount --image oci:my": "rofuse mount --image oci:my\\ layers/",
    }
    words, env = shell_words(shell, home, SCRIPTS / script)
    with Terminal(words, width=200, env=env) as terminal:
        terminal.wait(lambda lines: lines[0] == "$", "the prompt")
        for typed, completed in cases.items():
            terminal.press("clear", typed + "\t")
            terminal.wait(lambda lines, completed=completed: lines[0] == f"$ {completed}", f"{typed!r} completed to {completed!r}")
        terminal.press("clear", "\x0c")
        terminal.wait(lambda lines: lines[0] == "$", "the prompt alone")
        terminal.press("rofuse log --format \t")
        terminal.wait(lambda lines: {"text", "json", "ecs", "ocsf", "falco"} <= set(" ".join(lines[1:]).split()), "all that can be chosen")
        # A word is whole with the blank behind it: the next one can be typed.
        terminal.press("clear", "\x0c")
        terminal.wait(lambda lines: lines[0] == "$", "the prompt alone")
        terminal.press(f"rofuse sta\t--state-dir {mount.state} {mount.point.name[:-1]}\t--js\t", "enter")
        terminal.wait('"mount_options":', "what the command says")
        terminal.press("exit", "enter")
        terminal.process.wait(60)


@pytest.mark.parametrize("shell, script", SHELLS)
def test_syntax(shell, script):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    subprocess.run([shell, "-n", SCRIPTS / script], check=True)
