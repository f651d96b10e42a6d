"""rofuse audit and rofuse gate: on a mount, on a log of the past, on a Compose file; what is found, and the exit status."""

import json
import subprocess

import pytest
from rofuse_test import BINARY

FOUND = 3


def run(mount, *arguments, status=0):
    """stdout of a command on a mount's state directory."""
    done = subprocess.run([BINARY, *map(str, arguments), "--state-dir", str(mount.state)], capture_output=True, text=True,
                          check=False)
    assert done.returncode == status, (done.stdout, done.stderr)
    return done.stdout


def findings(mount, *arguments, status=FOUND):
    """(rule, subject) of what rofuse audit finds."""
    document = json.loads(run(mount, "audit", "--json", *arguments, status=status))
    assert document["schema"] == "rofuse.audit/1"
    return [(finding["rule"], finding["subject"]) for finding in document["findings"]]


COMPOSE = """services:
  web:
    image: web:${TAG}
    tmpfs:
      # in memory
      - /tmp
      - /run/web/
    env_file: secret.env
    volumes: ['./conf:/etc/web']
  proxy:
    image: proxy
    volumes:
      - type: bind
        source: /var/run/docker.sock
        target: /run/docker.sock
        read_only: true
  db:
    image: db
    read_only: true
    volumes: ['data:/var/lib/db']
volumes:
  data:
"""


def locations(document):
    """(file, line) of each result: code scanning refuses all where one has none."""
    places = [result["locations"][0]["physicalLocation"] for result in document["runs"][0]["results"]]
    return [(place["artifactLocation"]["uri"], place["region"]["startLine"]) for place in places]


def touch_inside(mount, *paths):
    """A program of the image's root tries to make files."""
    subprocess.run(["touch", *[str(mount.path(path)) for path in paths]], check=False, capture_output=True)


@pytest.fixture
def layer(scratch):
    path = scratch / "layer"
    for name in ("etc", "tmp", "data", "spare", "var/cache"):
        (path / name).mkdir(parents=True)
    return path


class TestAudit:
    def test_a_mount_with_nothing_to_find_fault_with(self, rofuse, layer):
        mount = rofuse(layers=[layer], tmpfs=["/tmp:size=1m"], volume=["data:/data"])
        touch_inside(mount, "/tmp/x", "/data/x")
        assert findings(mount, mount.point, status=0) == []
        assert "nothing to find fault with" in run(mount, "audit", mount.point)

    def test_a_mount(self, rofuse, layer):
        mount = rofuse(layers=[layer], tmpfs=["/tmp:exec"], volume=["data:/data", "cache:/var/cache", "spare:/spare:ro"])
        touch_inside(mount, "/var/cache/x")
        assert findings(mount) == [
            ("wide-place", "/var/cache"),
            ("exec-allowed", "/tmp"),
            ("unlimited", "/tmp"),
            ("never-written", "/tmp"),
            ("could-be-read-only", "/data"),
            ("temporary-in-volume", "/var/cache"),
        ]

    def test_what_the_log_says(self, rofuse, layer):
        mount = rofuse(layers=[layer])
        touch_inside(mount, "/etc/passwd")
        mount.records(at_least=1)
        assert findings(mount, "--from", mount.log_path) == [("writes-to-configuration", "/etc/passwd")]
        touch_inside(mount, "/srv")
        mount.records(at_least=2)
        assert findings(mount, "--from", mount.log_path)[1:] == [("refused", "/srv")]

    def test_a_compose_file(self, rofuse, layer, scratch):
        mount = rofuse(layers=[layer])
        compose = scratch / "compose.yaml"
        compose.write_text("services:\n  web:\n    image: web\n    tmpfs: ['/tmp:size=1m']\n"
                           "    volumes: ['/etc/web:/etc/web']\n")
        expected = [("read-only-missing", "web"), ("writable-configuration", "/etc/web"), ("writable-host-path", "/etc/web")]
        assert findings(mount, "--compose", compose) == expected
        sarif = json.loads(run(mount, "audit", "--compose", compose, "--sarif", status=FOUND))
        (result, *_), rules = sarif["runs"][0]["results"], sarif["runs"][0]["tool"]["driver"]["rules"]
        assert result["ruleId"] == rules[result["ruleIndex"]]["id"] == "read-only-missing"
        assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == compose.as_uri()

    def test_what_comes_by_a_pipe(self, rofuse, layer):
        mount = rofuse(layers=[layer])
        touch_inside(mount, "/etc/passwd")
        mount.records(at_least=1)
        words = [BINARY, "audit", "--from", "-"]
        said = subprocess.run(words, input=mount.log_path.read_text(), capture_output=True, text=True, check=False)
        assert said.returncode == FOUND and said.stdout.endswith("\nstdin: 1 finding\n")
        sarif = subprocess.run([*words, "--sarif"], input=mount.log_path.read_text(), capture_output=True, text=True, check=False)
        assert locations(json.loads(sarif.stdout)) == [("stdin", 1)]

    def test_all_services_of_a_compose_file(self, rofuse, layer, scratch):
        """What a project of some services has in its repository: variables and files of variables are elsewhere."""
        mount = rofuse(layers=[layer])
        (scratch / "compose.yaml").write_text(COMPOSE)
        words = [BINARY, "audit", "--state-dir", mount.state, "--compose", "compose.yaml"]
        said = subprocess.run(words, cwd=scratch, capture_output=True, text=True, check=False)
        assert said.returncode == FOUND
        assert said.stdout.splitlines()[-1] == "compose.yaml: 3 services, 6 findings"
        assert "\nweb: 4 findings\n\n" in said.stdout and "\nproxy: 2 findings\n\ndb: nothing to find" in said.stdout
        # A warning is told once, though it is of the file and not of a service; and that a root is not read-only is a finding.
        assert said.stderr.count("the variable TAG is not set") == 1
        assert "read_only" not in said.stderr and "here of: web, proxy, db\n" in said.stderr

        sarif = subprocess.run([*words, "--sarif"], cwd=scratch, capture_output=True, text=True, check=False)
        document = json.loads(sarif.stdout)
        rules = [result["ruleId"] for result in document["runs"][0]["results"]]
        assert list(zip(rules, locations(document), strict=True)) == [
            ("read-only-missing", ("compose.yaml", 2)), ("writable-configuration", ("compose.yaml", 9)),
            ("unlimited", ("compose.yaml", 7)), ("unlimited", ("compose.yaml", 6)),
            ("read-only-missing", ("compose.yaml", 10)), ("writable-host-path", ("compose.yaml", 13)),
        ]
        for rule in document["runs"][0]["tool"]["driver"]["rules"]:
            assert rule["shortDescription"]["text"] and rule["fullDescription"]["text"] and rule["help"]["text"]

        told = json.loads(subprocess.run([*words, "--json"], cwd=scratch, capture_output=True, check=False).stdout)
        assert told["subject"] == "compose.yaml"
        assert [finding["service"] for finding in told["findings"]] == 4 * ["web"] + 2 * ["proxy"]
        one = subprocess.run([*words, "--service", "db"], cwd=scratch, capture_output=True, text=True, check=False)
        assert (one.returncode, one.stdout) == (0, "db: nothing to find fault with\n")
        # A log is of one of them.
        of_log = subprocess.run([*words, "--from", mount.log_path], cwd=scratch, capture_output=True, text=True, check=False)
        assert of_log.returncode == 2 and "choose one with --service" in of_log.stderr

    def test_one_service_that_cannot_be_understood(self, scratch):
        """The others are looked at; a name of an image that is of no kind known here is no mistake."""
        (scratch / "compose.yaml").write_text(
            "services:\n  web:\n    image: docker:27-dind\n    tmpfs: ['/run/web/']\n"
            "  share:\n    image: a\n    volumes: ['nfs:/x']\n  from:\n    image: a\n    volumes_from: [web]\n"
            "  db:\n    image: db\n    read_only: true\nvolumes:\n  nfs:\n    driver_opts: {type: nfs}\n")
        words = [BINARY, "audit", "--state-dir", scratch / "state", "--compose", "compose.yaml"]
        said = subprocess.run(words, cwd=scratch, capture_output=True, text=True, check=False)
        assert said.returncode == 2 and said.stdout.endswith(
            "\nweb: 2 findings\n\ndb: nothing to find fault with\n\ncompose.yaml: 2 services, 2 findings\n")
        share, of_others, images = said.stderr.splitlines()
        assert "driver_opts" in share and "services.from.volumes_from" in of_others and images.endswith("here of: web, db")
        sarif = subprocess.run([*words, "--sarif"], cwd=scratch, capture_output=True, text=True, check=False)
        messages = [result["message"]["text"] for result in json.loads(sarif.stdout)["runs"][0]["results"]]
        assert [message.partition("; mend")[0].rpartition(": ")[0] for message in messages] == ["web", "web: /run/web"]
        one = subprocess.run([*words, "--service", "web"], cwd=scratch, capture_output=True, text=True, check=False)
        assert (one.returncode, one.stdout.splitlines()[-1]) == (FOUND, "web: 2 findings")
        none = subprocess.run([*words, "--service", "from"], cwd=scratch, capture_output=True, text=True, check=False)
        assert (none.returncode, none.stdout, none.stderr) == (2, "", of_others + "\n")

    def test_what_is_wrong_with_the_whole_file_is_told_once(self, scratch):
        (scratch / "compose.yaml").write_text(
            "services:\n  web: &web\n    image: a\n    volumes: ['nfs:/x']\n  db: *web\n"
            "volumes:\n  nfs:\n    driver_opts: {type: nfs}\n")
        said = subprocess.run([BINARY, "audit", "--state-dir", scratch / "state", "--compose", "compose.yaml"], cwd=scratch,
                              capture_output=True, text=True, check=False)
        assert (said.returncode, said.stdout, said.stderr.count("\n")) == (2, "", 1), said.stderr

    @pytest.mark.parametrize("more", [("--image", "oci:x"), ("--layer", "."), ("--tmpfs", "/spare"), ("-v", "data:/data")])
    def test_options_beside_a_file_are_of_one_service(self, scratch, more):
        (scratch / "compose.yaml").write_text(COMPOSE)
        words = [BINARY, "audit", "--state-dir", scratch / "state", "--compose", "compose.yaml", *more]
        said = subprocess.run(words, cwd=scratch, capture_output=True, text=True, check=False)
        assert (said.returncode, said.stdout) == (2, "")
        assert said.stderr.endswith("has several services; choose one with --service: web, proxy, db\n")
        one = subprocess.run([*words, "--service", "db"], cwd=scratch, capture_output=True, text=True, check=False)
        assert "--service" not in one.stderr

    def test_a_variable_that_a_place_wants(self, scratch):
        compose = scratch / "compose.yaml"
        compose.write_text("services:\n  web:\n    image: web\n    volumes: ['${DATA_OF_WEB}:/data']\n")
        said = subprocess.run([BINARY, "audit", "--state-dir", scratch, "--compose", compose], capture_output=True, text=True,
                              check=False)
        assert said.returncode == 2 and said.stderr.endswith("; the variable DATA_OF_WEB is not set\n")

    def test_learn_mode(self, rofuse, layer):
        mount = rofuse(layers=[layer])
        run(mount, "learn", "on", mount.point)
        assert findings(mount, mount.point) == [("learning", json.loads(run(mount, "status", "--json"))["mounts"][0]["name"])]
        run(mount, "learn", "off", mount.point)
        assert findings(mount, mount.point, status=0) == []

    def test_sarif_of_a_mount(self, rofuse, layer):
        mount = rofuse(layers=[layer], tmpfs=["/tmp"])
        document = json.loads(run(mount, "audit", "--sarif", mount.point, status=FOUND))
        name = json.loads(run(mount, "status", "--json", mount.point))["mounts"][0]["name"]
        assert set(locations(document)) == {(name, 1)}

    @pytest.mark.parametrize("arguments, word", [
        (["--json", "--sarif"], "not both"),
        (["a", "b"], "one mount point"),
        (["a", "--from", "log"], "one of the two"),
        (["a", "--tmpfs", "/tmp"], "one of the two"),
        (["--nonsense"], "nonsense"),
    ])
    def test_usage(self, scratch, arguments, word):
        done = subprocess.run([BINARY, "audit", "--state-dir", scratch, *arguments], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (2, "")
        assert word in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["audit", "gate"])
def test_the_examples_of_help(rofuse, layer, scratch, command):
    """As they are pasted into a shell; the mount has another name, and its state is elsewhere."""
    mount = rofuse(layers=[layer])
    touch_inside(mount, "/etc/one")
    mount.records(at_least=1)
    (scratch / "compose.yaml").write_text("services:\n  web:\n    image: web\n  db:\n    image: db\n")
    (scratch / "web.jsonl").write_text(mount.log_path.read_text())
    text = subprocess.run([BINARY, command, "--help"], capture_output=True, text=True, check=True).stdout
    examples = [line for line in text.partition("Examples:")[2].splitlines() if line.startswith(f"  rofuse {command} ")]
    assert len(examples) >= 3
    name = json.loads(run(mount, "status", "--json"))["mounts"][0]["name"]
    shim = f'rofuse() {{ "{BINARY}" "$@" --state-dir "{mount.state}"; }}\n'
    for line in examples:
        words = shim + line.replace(" web ", f" {name} ") if "--service" not in line else shim + line
        done = subprocess.run(["sh", "-c", words], cwd=scratch, capture_output=True, text=True, check=False)
        assert done.returncode in (0, FOUND), (line, done.stderr)


class TestGate:
    def gate(self, mount, baseline, *arguments, status=0):
        return run(mount, "gate", "--baseline", baseline, *arguments, status=status)

    def test_new_places_and_old_ones(self, rofuse, layer, scratch):
        baseline = scratch / "baseline.json"
        mount = rofuse(layers=[layer])
        touch_inside(mount, "/etc/one", "/data/tmp.Xa9bQ2")
        mount.records(at_least=2)
        assert "2 places" in self.gate(mount, baseline, "--update")
        written = baseline.read_text()
        assert self.gate(mount, baseline).endswith("0 new, 0 gone, 2 in the baseline\n")

        # The same program again, with other pids, times and random names.
        again = rofuse(layers=[layer])
        touch_inside(again, "/data/tmp.Zc8dR4", "/etc/one")
        again.records(at_least=2)
        assert "0 new, 0 gone" in self.gate(again, baseline, again.point)
        self.gate(again, baseline, "--update", again.point)
        assert baseline.read_text() == written

        touch_inside(again, "/spare/two")
        again.records(at_least=3)
        told = json.loads(self.gate(again, baseline, "--json", again.point, status=FOUND))
        assert [place["place"] for place in told["new"]] == ["/spare/two"]
        assert told["gone"] == []
        assert told["new"][0]["program"].endswith("/touch")

    def test_a_log_of_the_past(self, rofuse, layer, scratch):
        baseline = scratch / "baseline.json"
        mount = rofuse(layers=[layer])
        touch_inside(mount, "/etc/one")
        mount.records(at_least=1)
        self.gate(mount, baseline, "--update", "--from", mount.log_path)
        touch_inside(mount, "/etc/two")
        mount.records(at_least=2)
        said = self.gate(mount, baseline, "--from", mount.log_path, status=FOUND)
        assert said.startswith("new   /etc/two  ") and "\nmend: declare what the program needs" in said

    def test_what_cannot_be(self, rofuse, layer, scratch):
        mount = rofuse(layers=[layer])
        self.gate(mount, scratch / "none.json", status=1)
        for text, word in (("{}", "is no baseline: its schema is not rofuse.baseline/1; name one"),
                           ("<<<<<<< HEAD\n", "is no baseline: line 1, column 1: "),
                           ('{"schema": "rofuse.baseline/2"}', "it is a rofuse.baseline/2, and this rofuse knows "),
                           ('{"schema": "rofuse.baseline/1"}', 'it has no list of "places"; --update writes it anew')):
            (scratch / "bad.json").write_text(text)
            said = subprocess.run([BINARY, "gate", "--baseline", scratch / "bad.json", "--from", mount.log_path],
                                  capture_output=True, text=True, check=False)
            assert said.returncode == 2 and word in said.stderr and said.stderr.count("\n") == 1, said.stderr
        run(mount, "gate", status=2)
        self.gate(mount, scratch / "x" / "y.json", "--update", status=1)
        done = subprocess.run([BINARY, "gate", "--baseline", scratch / "x" / "y.json", "--update", "--from",
                               mount.log_path], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 1 and done.stderr == (
            f"rofuse: the baseline {scratch}/x/y.json cannot be written: there is no directory {scratch}/x; "
            f"make it: mkdir -p {scratch}/x\n")
        assert not (scratch / "x").exists()
