"""`rofuse run --image`: what the image says of its process, and that its layers stay while a mount has them."""

import json
import os
import pathlib
import re
import shutil
import signal
import stat
import subprocess
import tempfile

import busybox_image
import image_files
import pytest
import rofuse_test
from rofuse_test import wait_until

USER = busybox_image.USER
CONFIG = {
    "User": "app", "Env": ["GREETING=hello", "PATH=/bin"], "Entrypoint": ["sh", "-c"], "WorkingDir": "/home/app",
    "Cmd": ["echo $GREETING from $(pwd) as $(id -un) $HOME; echo kept > /cache/x; echo x > /app/x; cat /app/config"],
    "Volumes": {"/cache": {}}, "StopSignal": "SIGUSR1",
}
# Busybox's sh says what could not be written.
SAID = ["hello from /home/app as app /home/app", "of the user"]


def layer_tar(directory, owners=()):
    """The bytes of a tar of a layer in which everything is root's but what lies below the owners' names."""
    def owner(info):
        name = info.name.removeprefix("./")
        info.uid = info.gid = next((USER for own in owners if name == own or name.startswith(f"{own}/")), 0)
        info.uname = info.gname = ""
        return info
    entries = []
    for path in sorted(directory.rglob("*")):
        kind = path.lstat().st_mode
        name = str(path.relative_to(directory))
        more = {"mode": stat.S_IMODE(kind)}
        if stat.S_ISLNK(kind):
            made = image_files.entry(name, b"2", link=os.readlink(path), **more)
        elif stat.S_ISDIR(kind):
            made = image_files.directory(name, **more)
        else:
            made = image_files.entry(name, data=path.read_bytes(), **more)
        entries.append((owner(made[0]), made[1]))
    return image_files.tar(entries)


@pytest.fixture(name="image", scope="module")
def fixture_image():
    """oci:…/web:v1, of two layers; where other users can read it."""
    top = pathlib.Path(tempfile.mkdtemp(prefix="rofuse-test.", dir=os.environ.get("ROFUSE_TEST_DIR", "/var/tmp")))
    top.chmod(0o755)
    base, app = busybox_image.make(top / "tree")
    (base / "cache").mkdir(mode=0o777)
    (base / "cache").chmod(0o777)
    image_files.layout(top / "web", [layer_tar(base, ["home/app"]), layer_tar(app, ["app"])], config=CONFIG)
    yield f"oci:{top}/web:v1"
    shutil.rmtree(top)


def command(scratch, *words):
    return [rofuse_test.BINARY, "run", "--state-dir", str(scratch / "state"), "--report", "none", *map(str, words)]


def run(scratch, *words, stdin=subprocess.DEVNULL, **more):
    return subprocess.run(command(scratch, *words), stdin=stdin, capture_output=True, text=True, check=False, timeout=120,
                          **more)


def test_the_image_says_how(scratch, image):
    result = run(scratch, "--image", image)
    assert result.returncode == 0 and result.stdout.splitlines() == SAID, result
    assert "/app/x: Read-only file system" in result.stderr
    (kept,) = (scratch / "state/volumes").glob("*/_data/x")
    assert kept.read_text() == "kept\n"
    named = image_files.inspect("web:v1", scratch / "state")
    assert named["config"]["user"] == "app"


def test_options_count_first(scratch, image):
    for words, wanted in (
            (["-e", "GREETING=bye", "--", "echo $GREETING"], "bye\n"),
            (["--user", "root", "-w", "/etc", "--", "echo $(id -u) $(pwd)"], "0 /etc\n"),
            (["--entrypoint", "echo", "--", "$GREETING"], "$GREETING\n"),
            (["--tmpfs", "/cache", "--", "grep -c ' /cache ' /proc/mounts; echo $?"], "0\n1\n")):
        result = run(scratch, "--image", image, *words)
        assert (result.returncode, result.stdout) == (0, wanted), (words, result)
    assert run(scratch, "--image", image, "--entrypoint", "true").returncode == 0


def test_environment_of_the_host_is_not_the_images(scratch):
    """A name without a value is asked for by the person alone, with -e."""
    base, _ = busybox_image.make(scratch / "tree")
    image_files.layout(scratch / "curious", [layer_tar(base)], config={"Env": ["SECRET", "PATH=/bin"], "Cmd": ["env"]})
    image = f"oci:{scratch}/curious"
    for words, shown in (([], False), (["-e", "SECRET"], True)):
        result = run(scratch, "--image", image, *words, env={**os.environ, "SECRET": "of the host"})
        assert result.returncode == 0 and "PATH=/bin\n" in result.stdout, result
        assert ("of the host" in result.stdout) == shown, result


@pytest.mark.parametrize("stdin", [False, True], ids=["ours", "passed"])
def test_working_directory_does_not_lead_out(scratch, image, stdin):
    """Not by the directories that a run has open, as the store's layers, nor by one that it was given (CVE-2024-21626)."""
    place = os.open(scratch if stdin else "/dev/null", os.O_RDONLY)
    try:
        for number in [0] if stdin else range(3, 12):
            result = run(scratch, "--image", image, "-w", f"/proc/self/fd/{number}", "--", "echo here; ls ..", stdin=place)
            assert result.returncode == 125 and not result.stdout, (number, result)
            assert "working directory" in result.stderr.splitlines()[-1], (number, result)
    finally:
        os.close(place)


def test_stop_signal_of_the_image(scratch, image):
    with subprocess.Popen(command(scratch, "--image", image, "--", "trap 'exit 9' USR1; echo ready; while :; do sleep 0.05; done"),
                          stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        process.terminate()
        assert process.wait(60) == 9


def test_layers_stay_while_they_are_mounted(scratch, image):
    """Also for a mount in the background, whose daemon holds them when its starter has gone."""
    state, point = scratch / "state", scratch / "mnt"
    point.mkdir()
    subprocess.run([rofuse_test.BINARY, "mount", "--state-dir", state, "--image", image, "--log", f"file:{scratch}/log", point],
                   check=True, capture_output=True)
    try:
        assert (point / "app/config").read_text() == "of the user\n"
        assert (point / "app/config").stat().st_uid == USER
        line = image_files.refused("rm", "web:v1", state=state, says=["web:v1"])
        assert "use" in line
        status = [rofuse_test.BINARY, "status", "--state-dir", state]
        assert "\n  image    web:v1\n" in subprocess.run(status, capture_output=True, text=True, check=True).stdout
        shown = subprocess.run([*status, "--json"], capture_output=True, text=True, check=True).stdout
        assert json.loads(shown)["mounts"][0]["image"] == "web:v1"
        before = image_files.stored(state)
        image_files.succeed("prune", "--all", state=state)
        assert image_files.stored(state) == before and len(before["layers"]) == 2
    finally:
        subprocess.run([rofuse_test.BINARY, "umount", "--state-dir", state, point], check=True)
    image_files.succeed("rm", "web:v1", state=state)
    assert image_files.stored(state)["layers"] == []


def test_service_with_an_image_of_the_store(scratch, image):
    """"image:" is a name there; one that is not there is one line."""
    image_files.succeed("import", "--name", "also", image, state=scratch / "state")
    image_files.succeed("import", "--name", "shop/web:1", image, state=scratch / "state")
    (scratch / "compose.yaml").write_text("services:\n  web:\n    image: shop/web:1\n    read_only: true\n    command: ['id -un']\n")
    assert run(scratch, "web", cwd=scratch).stdout == "app\n"
    for name in ("also", "shop/web:1"):
        shown = subprocess.run([rofuse_test.BINARY, "config", "--state-dir", str(scratch / "state"), "--image", name],
                               capture_output=True, text=True, check=True)
        assert f"  image    {name}\n" in shown.stdout
    image_files.succeed("rm", "shop/web:1", state=scratch / "state")
    gone = run(scratch, "web", cwd=scratch)
    assert gone.returncode == 1 and "shop/web:1" in gone.stderr and gone.stderr.count("\n") == 1


def test_external_volume_must_exist(scratch, image):
    (scratch / "compose.yaml").write_text(
        f"services:\n  web:\n    x-rofuse: {{image: '{image}'}}\n    read_only: true\n    volumes: [data:/data]\n"
        "volumes:\n  data: {external: true, name: precious}\n")
    missing = run(scratch, "web", cwd=scratch)
    assert missing.returncode == 1 and "precious" in missing.stderr and missing.stderr.count("\n") == 1
    made = run(scratch, "--image", image, "-v", "precious:/data", "--user", "root", "--", "echo old > /data/file")
    assert made.returncode == 0, made
    assert run(scratch, "web", "--", "cat /data/file", cwd=scratch).stdout == "old\n"


@pytest.mark.parametrize("with_range", [False, True], ids=["alone", "range"])
def test_ordinary_user(scratch, image, with_range):
    """The image's users exist where the user has a range; alone he is whoever the image wants."""
    first = 400000
    for name in ("subuid", "subgid"):
        (scratch / name).write_text(f"{USER}:{first}:65536\n" if with_range else "")
    os.mknod(scratch / "device", stat.S_IFCHR | 0o666, os.makedev(10, 229))
    (scratch / "device").chmod(0o666)
    home = scratch / "home"
    home.mkdir()
    os.chown(home, USER, USER)
    binary = scratch / "rofuse"
    binary.write_bytes(pathlib.Path(rofuse_test.BINARY).read_bytes())
    binary.chmod(0o755)
    script = (f"mount --bind {scratch}/subuid /etc/subuid; mount --bind {scratch}/subgid /etc/subgid; "
              f"mount --bind {scratch}/device /dev/fuse; "
              f"exec setpriv --reuid={USER} --regid={USER} --clear-groups {binary} run --state-dir {home}/state --report text "
              f"--image {image} -v data:/data --tmpfs /tmp")
    result = subprocess.run(["unshare", "--mount", "sh", "-euc", script], stdin=subprocess.DEVNULL, capture_output=True,
                            text=True, check=False, timeout=120, cwd="/", env={**os.environ, "HOME": str(home)})
    assert result.returncode == 0 and result.stdout.splitlines() == SAID, result
    refused = "Read-only file system" if with_range else "(Read-only file system|Permission denied)"
    assert re.search(f"/app/x: {refused}", result.stderr), result.stderr
    assert re.search("/app/x +create", result.stderr), result.stderr
    assert not list((home / "state/run/roots").iterdir())


def test_end_while_it_is_imported(scratch, image):
    """A run that is ended early has started nothing and left nothing but layers."""
    with subprocess.Popen(command(scratch, "--image", image), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as process:
        wait_until(lambda: (scratch / "state/images").is_dir() or process.poll() is not None, "the store")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert not list((scratch / "state/run").glob("*.json")) if (scratch / "state/run").is_dir() else True
    with open("/proc/self/mountinfo", encoding="utf-8") as table:
        assert str(scratch) not in table.read()
