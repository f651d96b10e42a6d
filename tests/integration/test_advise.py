"""rofuse advise: from a program that fails to one that works, and what is written for those who start programs."""

import json
import os
import pathlib
import subprocess

import jsonschema
import pytest
import yaml

from advised import EXPECTED, Refusals, advise, fail_as_programs_do, make_image, refused, try_to_write, verify_unit
import image_files
from learning import rofuse_command
import rofuse_test


@pytest.fixture(scope="module")
def refusals():
    made = Refusals()
    yield made
    made.remove()


@pytest.fixture
def layer(scratch):
    return make_image(scratch / "layer")


@pytest.fixture
def mount(rofuse, layer, scratch):
    """One that has refused some writes."""
    mounted = rofuse(layers=[layer])
    fail_as_programs_do(mounted, scratch)
    return mounted


def by_state(mount):
    return ["--state-dir", mount.state]


def test_a_mount_is_asked_and_a_log_is_read(mount, layer):
    live = json.loads(advise("--json", *by_state(mount)).stdout)
    assert live["schema"] == "rofuse.advice/1" and live["denied"] == 4
    assert live["options"] == EXPECTED
    assert [(a["kind"], a["need"]) for a in live["advices"]][0] == ("env", "required")
    assert live == json.loads(advise("--json", mount.point, *by_state(mount)).stdout)
    offline = json.loads(advise("--json", "--from", mount.log_path, "--layer", layer).stdout)
    assert offline["options"] == EXPECTED
    told = json.loads(advise("--json", "--from", "-", text=mount.log_path.read_text()).stdout)
    assert {word for word in told["options"] if word.startswith("/tmp")} == {"/tmp:exec"}


def test_json_is_as_its_schema_says(refusals):
    schema = json.loads((rofuse_test.ROOT / "src/advise/advice.schema.json").read_text())
    answer = json.loads(advise("--json", *refusals.words).stdout)
    jsonschema.Draft202012Validator(schema).validate(answer)
    known = set(schema["$defs"]["advice"]["properties"])
    assert all(set(advice) <= known for advice in answer["advices"])


def test_text_says_first_what_to_declare(mount):
    lines = advise(*by_state(mount)).stdout.splitlines()
    assert lines[0] == f"{mount.point.name}: declare -e npm_config_cache=/tmp/npm " + " ".join(EXPECTED)
    assert "Needed:" in lines


def test_nothing_to_declare(rofuse, layer):
    mount = rofuse(layers=[layer], tmpfs=["/tmp"])
    assert advise(*by_state(mount)).stdout == f"{mount.point.name}: nothing to declare\n"
    assert json.loads(advise("--json", *by_state(mount)).stdout)["options"] == []


def test_learn_mode_that_is_on_may_see_more(rofuse, layer):
    """redis saves what it has at its end: until then nothing is to be declared for it."""
    mount = rofuse(layers=[layer])
    rofuse_command(mount, "learn", "on")
    said = advise(*by_state(mount)).stdout
    assert said.startswith(f"{mount.point.name}: nothing to declare\n\nNote: learn mode is on; what programs write later"), said
    rofuse_command(mount, "learn", "off")
    assert json.loads(advise("--json", *by_state(mount)).stdout)["notes"] == []


SCRIPT = """set -e
echo 1 > /tmp/a
echo 2 > /run/prog.pid
mkdir -p /var/cache/prog/sub
echo 3 > /data/db
cat /etc/prog/conf
echo 4 >> /etc/prog/conf
cp /bin/true /tmp/true && /tmp/true
echo done
"""


def test_until_the_script_works(rofuse, layer, scratch):
    """The session of a person: run, advise, apply, again, until it works; each round says something new."""
    for name in ("bin", "usr", "lib", "lib64"):
        if pathlib.Path("/", name).is_symlink():
            (layer / name).symlink_to(os.readlink(pathlib.Path("/", name)))
    (layer / "usr").mkdir(exist_ok=True)
    options, rounds = {}, 0
    while True:
        rounds += 1
        assert rounds < 9, options
        extra = [word for target in options.values() for word in target]
        mount = rofuse(layers=[layer], extra=extra)
        subprocess.run(["mount", "--bind", "/usr", mount.path("/usr")], check=True)
        result = subprocess.run(["chroot", mount.point, "/bin/sh", "-c", SCRIPT], capture_output=True, text=True, check=False)
        subprocess.run(["umount", "-l", mount.path("/usr")], check=True)
        if result.returncode == 0:
            assert result.stdout == "setting\ndone\n"
            assert json.loads(advise("--json", mount.point, *by_state(mount)).stdout)["options"] == []
            break
        mount.records(at_least=1)
        words = json.loads(advise("--json", mount.point, *by_state(mount)).stdout)["options"]
        assert words, result.stderr
        new = {value.rpartition(":/")[2].lstrip("/") if option == "-v" else value.split(":")[0].lstrip("/"): [option, value]
               for option, value in zip(words[::2], words[1::2])}
        assert any(options.get(target) != declared for target, declared in new.items()), new
        options |= new
        mount.end()
    assert [f"{option} {value}" for option, value in options.values()] == [
        "--tmpfs /tmp:exec", "--tmpfs /run:tmpcopyup", "--tmpfs /var/cache/prog", "-v data:/data", "--tmpfs /etc/prog:mode=0755,tmpcopyup"]


def words_of(text):
    """The words of a command line with comments and continued lines, as a shell reads them."""
    tell = "".join(f"{name}() {{ printf '%s\\n' {name} \"$@\"; }}\n" for name in ("docker", "podman", "rofuse"))
    return subprocess.run(["sh", "-c", tell + text], capture_output=True, text=True, check=True).stdout.splitlines()


def test_command_lines(refusals):
    docker = words_of(advise("--for", "docker", *refusals.words).stdout)
    assert docker == ["docker", "run", "--rm", "--read-only", *EXPECTED, "-e", "npm_config_cache=/tmp/npm", "IMAGE"]
    podman = words_of(advise("--for", "podman", *refusals.words).stdout)
    assert podman == ["podman", "run", "--rm", "--read-only", "--tmpfs", "/tmp:exec", "-v", "data:/data", "--tmpfs",
                      "/run/postgresql:mode=1777", "-e", "npm_config_cache=/tmp/npm", "IMAGE"]
    own = words_of(advise("--for", "rofuse", *refusals.words).stdout)
    assert own == ["rofuse", "run", *EXPECTED, "-e", "npm_config_cache=/tmp/npm", "--image", "IMAGE"]


def test_content_of_the_image_is_kept(rofuse, layer, scratch):
    mount = rofuse(layers=[layer])
    try_to_write(mount, "echo > etc/prog/conf")
    assert len(mount.records(at_least=1)) == 1
    here = by_state(mount)
    assert words_of(advise("--for", "rofuse", *here).stdout)[2:4] == ["--tmpfs", "/etc/prog:mode=0755,tmpcopyup"]
    assert words_of(advise("--for", "docker", *here).stdout)[4:6] == ["-v", "/etc/prog"]
    assert words_of(advise("--for", "podman", *here).stdout)[4:6] == ["--tmpfs", "/etc/prog:mode=0755"]
    spec = yaml.safe_load(advise("--for", "kubernetes", *here).stdout)["spec"]
    filling, = spec["initContainers"]
    (volume,) = spec["volumes"]
    assert filling["volumeMounts"] == [{"name": volume["name"], "mountPath": f"/filled/{volume['name']}"}]
    # Its command does copy.
    (scratch / "to").mkdir()
    assert filling["command"][:2] == ["sh", "-c"]
    command = filling["command"][2].replace("/etc/prog/", f"{layer}/etc/prog/").replace("/filled/prog", f"{scratch}/to")
    subprocess.run(["sh", "-c", command], check=True)
    assert (scratch / "to/conf").read_text() == "setting\n"
    service = yaml.safe_load(advise("--for", "compose", *here).stdout)["services"][mount.point.name]
    assert service == {"read_only": True, "volumes": ["/etc/prog"]}
    unit = [line for line in advise("--for", "systemd", *here).stdout.splitlines() if not line.startswith("# /")]
    name = mount.point.name
    assert unit[unit.index("[Service]"):] == ["[Service]", "ReadOnlyPaths=+/", f"RuntimeDirectory={name}/etc-prog",
                                              f"BindPaths=/run/{name}/etc-prog:/etc/prog",
                                              f"# ExecStartPre=+/bin/cp -a ROOT/etc/prog/. /run/{name}/etc-prog/"]
    verify_unit(scratch, "\n".join(unit).replace("# Exec", "Exec").replace("ROOT/", "/"))


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
def test_content_of_the_image_for_another_owner(rofuse, layer):
    """What is said to rofuse works; where the copy would be the image's owner's, it is said what else is to be done."""
    mount = rofuse(layers=[layer])
    make = ["setpriv", "--reuid=33", "--regid=33", "--clear-groups", "touch"]
    assert subprocess.run([*make, mount.path("etc/prog/new")], capture_output=True, check=False).returncode == 1
    assert len(mount.records(at_least=1)) == 1
    here = by_state(mount)
    words = words_of(advise("--for", "rofuse", *here).stdout)[2:4]
    assert words == ["--tmpfs", "/etc/prog:mode=0755,uid=33,gid=33,tmpcopyup"]
    for target in ("docker", "compose"):
        assert "\n# /etc/prog: the volume has the owner" in (text := advise("--for", target, *here).stdout)
        assert "give it to 33:33 there\n" in text
    name = mount.point.name
    assert f"\n# ExecStartPre=+/bin/chown 33:33 /run/{name}/etc-prog/\n" in advise("--for", "systemd", *here).stdout
    mount.end()
    mount = rofuse(layers=[layer], extra=words)
    assert mount.path("etc/prog/conf").exists()
    subprocess.run([*make, mount.path("etc/prog/new")], check=True)


def test_compose(refusals):
    document = yaml.safe_load(advise("--for", "compose", *refusals.words).stdout)
    assert document == {
        "services": {refusals.name: {
            "read_only": True,
            "tmpfs": ["/tmp:exec", "/run/postgresql:mode=0755,uid=70,gid=70"],
            "volumes": ["data:/data"],
            "environment": {"npm_config_cache": "/tmp/npm"}}},
        "volumes": {"data": None}}


def test_kubernetes(refusals):
    text = advise("--for", "kubernetes", *refusals.words).stdout
    spec = yaml.safe_load(text)["spec"]
    container, = spec["containers"]
    assert container["securityContext"] == {"readOnlyRootFilesystem": True}
    assert container["env"] == [{"name": "npm_config_cache", "value": "/tmp/npm"}]
    mounts = {entry["mountPath"]: entry["name"] for entry in container["volumeMounts"]}
    volumes = {volume.pop("name"): volume for volume in spec["volumes"]}
    assert set(mounts.values()) == set(volumes)
    assert volumes[mounts["/tmp"]] == {"emptyDir": {"medium": "Memory"}}
    assert volumes[mounts["/data"]] == {"persistentVolumeClaim": {"claimName": "data"}}
    assert spec["securityContext"] == {"fsGroup": 70}
    assert "no mode and no owner" in text


def test_systemd(refusals, scratch):
    text = advise("--for", "systemd", *refusals.words).stdout
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    name = refusals.name
    assert lines == ["[Service]", "ReadOnlyPaths=+/", "Environment=npm_config_cache=/tmp/npm",
                     "TemporaryFileSystem=/tmp:mode=1777,nosuid", f"StateDirectory={name}/data",
                     f"BindPaths=/var/lib/{name}/data:/data",
                     "TemporaryFileSystem=/run/postgresql:mode=0755,uid=70,gid=70,noexec,nosuid"]
    verify_unit(scratch, text)


def test_optional_places_are_declared_on_request(scratch, rofuse, layer):
    mount = rofuse(layers=[layer])
    # The program goes on and ends well.
    subprocess.run(["python3", "-c", f"import os\ntry:\n os.mkdir('{mount.path('/var/cache/prog/x')}')\nexcept OSError:\n pass"],
                   check=True)
    assert len(mount.records(at_least=1)) == 1
    rofuse_test.wait_until(
        lambda: [a["need"] for a in json.loads(advise("--json", *by_state(mount)).stdout)["advices"]] == ["optional"],
        "the fact is tolerated")
    here = by_state(mount)
    assert json.loads(advise("--json", *here).stdout)["options"] == []
    assert json.loads(advise("--json", "--all", *here).stdout)["options"] == ["--tmpfs", "/var/cache/prog"]
    text = advise(*here).stdout
    assert text.startswith(f"{mount.point.name}: nothing to declare\n") and "Would also stop these messages" in text
    assert "# Would also stop these messages: --tmpfs /var/cache/prog" in advise("--for", "docker", *here).stdout


def test_the_next_step_where_a_request_may_have_failed(scratch, rofuse, layer):
    """What was refused while the program went on, and is not declared: how it would be."""
    mount = rofuse(layers=[layer])
    try_to_write(mount, "mkdir var/cache/prog/x; true")
    here = by_state(mount)
    step = "--all declares them, too; and in learn mode"
    rofuse_test.wait_until(lambda: step in " ".join(advise(*here).stdout.split()), "the step is known to have failed")
    assert step in advise("--for", "compose", *here).stdout
    assert step not in " ".join(advise("--all", *here).stdout.split())


WITHOUT_DATABASE = """
import sqlite3, sys
try:
    sqlite3.connect(sys.argv[1]).execute("CREATE TABLE t (i)")
except sqlite3.OperationalError:
    sys.exit(1)
"""


def check_filling(command, source, scratch):
    """It copies into a volume that is empty, and into no other; nor where it cannot tell."""
    assert command == "n=`ls -A /filled/app` && case \"$n\" in ''|lost+found) cp -a /app/. /filled/app/ ;; esac"
    tools = scratch / "tools"
    tools.mkdir()
    (tools / "cp").symlink_to("/bin/cp")

    def fill(name, entries, path=os.environ["PATH"]):
        to = scratch / name
        for entry in entries:
            (to / entry).mkdir(parents=True)
        to.mkdir(exist_ok=True)
        here = command.replace("/filled/app", str(to)).replace("cp -a /app/", f"cp -a {source}/")
        done = subprocess.run(["/bin/sh", "-c", here], env={"PATH": path}, check=False, capture_output=True)
        return done.returncode, sorted(os.listdir(to))

    assert fill("new", []) == (0, ["main.py"])
    assert fill("disk", ["lost+found"]) == (0, ["lost+found", "main.py"])
    assert fill("used", ["shop.db"]) == (0, ["shop.db"])
    assert fill("both", ["lost+found", "shop.db"]) == (0, ["lost+found", "shop.db"])
    assert fill("unknown", ["shop.db"], str(tools)) == (127, ["shop.db"])


def test_a_database_beside_the_code(scratch, rofuse, layer):
    """It is kept, and each of those who start programs is told what a volume needs that it does not do itself."""
    (layer / "app").mkdir()
    (layer / "app/main.py").write_text("pass\n")
    mount = rofuse(layers=[layer])
    done = subprocess.run(["python3", "-c", WITHOUT_DATABASE, mount.path("/app/shop.db")], check=False)
    assert done.returncode == 1
    mount.records(at_least=1)
    here = by_state(mount)
    advice = json.loads(advise("--json", *here).stdout)
    assert advice["options"] == ["-v", "app:/app"], advice
    assert advice["advices"][0]["why"].startswith("/app/shop.db is a database")
    assert "files of a newer image do not come into a volume" in advice["advices"][0]["cost"]
    pod = advise("--for", "kubernetes", *here).stdout
    filling, = yaml.safe_load(pod)["spec"]["initContainers"]
    check_filling(filling["command"][2], layer / "app", scratch)
    assert "the initContainer copies the image's content into it while it is empty" in pod
    unit = advise("--for", "systemd", *here).stdout
    kept = f"/var/lib/{mount.point.name}/app"
    assert f"# mkdir -p {kept}/ && cp -a ROOT/app/. {kept}/" in unit


@pytest.mark.parametrize("words, line", [
    (["--for", "nonsense"], "--for: \"nonsense\" is unknown"),
    (["--for", "docker", "--json"], "--for, --merge and --json are three forms"),
    (["--write"], "--write changes the file that --merge names"),
    (["--from", ""], "--from: the log is empty"),
    (["a", "b"], "give one mount point or name"),
    (["a", "--from", "x"], "--from reads a log instead of asking a mount"),
    (["--merge", ""], "--merge: the file is empty"),
])
def test_wrong_words(words, line):
    assert refused(*words).startswith(line)


def test_what_is_not_there(scratch):
    assert "no such log" in refused("--from", scratch / "no such log", status=1)
    refused("nonsense", "--state-dir", scratch, status=1)
    (scratch / "log").write_text("no record\n")
    refused("--from", scratch / "log", status=1)


def test_the_image_has_the_name_that_docker_knows(refusals, scratch):
    """rofuse's own reference is of this machine alone."""
    image_files.layout(scratch / "layout", [image_files.tar([image_files.directory("tmp")])], tag="1.0")
    words = ["--from", refusals.log, "--state-dir", scratch / "state", "--image", f"oci:{scratch}/layout:1.0"]
    docker = advise("--for", "docker", *words).stdout
    assert words_of(docker)[-1] == "IMAGE"
    assert f"# IMAGE: write the name of the image in your registry; rofuse has it as oci:{scratch}" in docker
    assert words_of(advise("--for", "podman", *words).stdout)[-1] == f"oci:{scratch}/layout:1.0"
    pod = yaml.safe_load(advise("--for", "kubernetes", *words).stdout)
    assert pod["spec"]["containers"][0]["image"] == "IMAGE"
    compose = scratch / "compose.yaml"
    compose.write_text(f"services:\n  web:\n    image: shop/web:2\n    x-rofuse: {{image: 'oci:{scratch}/layout:1.0'}}\n")
    words[-2:] = ["--compose", compose]
    assert words_of(advise("--for", "docker", *words).stdout)[-1] == "shop/web:2"
    assert words_of(advise("--for", "rofuse", *words).stdout)[-1] == f"oci:{scratch}/layout:1.0"
