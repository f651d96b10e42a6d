"""rofuse advise --merge: a person's Compose file with the advice in it, and everything else as it was, byte by byte."""

import difflib
import os
import subprocess

import pytest
import yaml

from advised import Refusals, advise, refused
from compose_config import config, routes

# Many short commands: with sanitizers each of them takes long to start.
pytestmark = pytest.mark.slow

TMPFS = ["/tmp:exec", "/run/postgresql:mode=0755,uid=70,gid=70"]
CACHE = {"npm_config_cache": "/tmp/npm"}


@pytest.fixture(scope="module")
def refusals():
    made = Refusals()
    yield made
    made.remove()


PLAIN = """\
services:
  web:
    image: web:1.0
"""

COMMENTS = """\
# Before everything.
name: project   # its name

services: # all of them
  # about db
  db: {image: "db:1"} # flow

  # about web
  web:  # the service
    # its image
    image: 'web:1.0'   # pinned

    volumes: # what is kept
      # the socket
      - ./sock:/sock:ro   # read-only

    tmpfs:
      # first
      - /scratch:size=1m # small
      # nothing more

    # a last word

# volumes follow
volumes:
  # of db
  dbdata: # nothing special

# The end."""

FLOW = """\
services:
  web: {image: web, tmpfs: [/scratch], volumes: ["other:/other"], environment: {A: b}}
volumes: {other: {}}
"""

FLOW_LISTS = """\
services:
  web:
    image: web
    tmpfs: [ '/scratch' , '/more:size=1m' ]  # two
    volumes: [
      other:/other, # kept
    ]
    environment: [ A=b ]
volumes:
  other:
"""

JSON = '{"services": {"web": {"image": "web", "tmpfs": "/scratch"}}}'

SCALARS = """\
services:
  web:
    image: web
    read_only: false  # for now
    tmpfs: /scratch   # one
    environment:
    - A=b
    - npm_config_cache=/root/.npm   # wrong
"""

NULLS = """\
services:
  web:
    image: web
    read_only:
    tmpfs:      # none yet
    volumes: ~
    environment: null # nor here
volumes:
"""

LONG_FORM = """\
services:
    web:
        volumes:
          - type: bind
            source: ./x
            target: /x
            bind:
              create_host_path: false
          - type: tmpfs
            target: /scratch
            tmpfs: {size: 64m}
        image: web
        command: |
          line one

          line two


    other:
        image: other
"""

UNICODE = """\
services:
  # wëb
  web:
    image: "wëb"
    labels: {"größe": "é 😀"}   # ünïcödé ☃
    tmpfs: ["/scrätch"]
"""

INDENTLESS = """\
services:
  web:
    tmpfs:
    - /scratch
    image: web
    environment:
      A: 'b'
      npm_config_cache: "/root/.npm" # wrong
"""

ANCHORED_ELSEWHERE = """\
x-logging: &logging
  driver: none
x-base: &base
  image: base
  labels: {a: b}
services:
  db:
    <<: *base
    logging: *logging
  web:
    <<: *base
    logging: *logging
    tmpfs: &mine
      -   /scratch
"""

HARDENED = """\
x-hardened: &hardened
  read_only: true # for all
  cap_drop: [ALL]
services:
  web:
    <<: *hardened
    image: web
"""

NOT_HARDENED = """\
x-base: &base {read_only: false, cap_drop: [ALL]}
services:
  web: {<<: *base, image: web}
  db: {<<: *base, image: db}
"""

SHARED_YES = """\
x-yes: &yes true
services:
  web:
    image: web
    read_only: *yes
"""

NAMES_TAKEN = """\
services:
  db: {image: db, volumes: ["data:/db"]}
  web: {image: web}
volumes: {data: , web-data: }
"""

DOCUMENT = "%YAML 1.1\n---\nservices:\n  web:\n    image: web\n...\n"

FILES = {"plain": PLAIN, "comments": COMMENTS, "flow": FLOW, "flow lists": FLOW_LISTS, "json": JSON, "scalars": SCALARS,
         "nulls": NULLS, "long form": LONG_FORM, "unicode": UNICODE, "indentless": INDENTLESS,
         "anchored elsewhere": ANCHORED_ELSEWHERE, "names taken": NAMES_TAKEN, "document": DOCUMENT,
         "hardened by an anchor": HARDENED, "softened by an anchor": NOT_HARDENED, "a shared yes": SHARED_YES,
         "crlf": COMMENTS.replace("\n", "\r\n"), "byte order mark": "\ufeff" + PLAIN, "no last newline": PLAIN.rstrip("\n"),
         "tabs": PLAIN.replace("web:1.0", "web:1.0 #\ta tab\t").replace("web:\n", "web:  # \t\n")}


def as_list(value):
    return [value] if isinstance(value, str) else list(value or [])


def expected(text):
    """What PyYAML reads, and the advice."""
    document = yaml.safe_load(text)
    web = document["services"]["web"]
    web["read_only"] = True
    web["tmpfs"] = as_list(web.get("tmpfs")) + TMPFS
    name = "data" if "data" not in (document.get("volumes") or {}) else "web-data-2"
    web["volumes"] = as_list(web.get("volumes")) + [f"{name}:/data"]
    environment = web.get("environment") or {}
    if isinstance(environment, list):
        environment = [item for item in environment if not item.startswith("npm_config")] + ["npm_config_cache=/tmp/npm"]
    else:
        environment = environment | CACHE
    web["environment"] = environment
    document["volumes"] = (document.get("volumes") or {}) | {name: {} if text.startswith("{") or "volumes: {" in text else None}
    return document


def removed_lines(old, new):
    return [line[2:] for line in difflib.ndiff(old.splitlines(True), new.splitlines(True)) if line.startswith("- ")]


def patched(scratch, text, diff):
    """What patch(1) makes of a file and the diff."""
    path = scratch / "patched"
    path.write_bytes(text)
    result = subprocess.run(["patch", "--binary", "--quiet", path], input=diff, capture_output=True, check=False)
    assert result.returncode == 0, (result, diff.decode())
    return path.read_bytes()


# The lines that had to be changed, beside those that were put in.
CHANGED = {
    "flow": [FLOW.splitlines(True)[1], FLOW.splitlines(True)[2]],
    "flow lists": ["    tmpfs: [ '/scratch' , '/more:size=1m' ]  # two\n", "      other:/other, # kept\n",
                   "    environment: [ A=b ]\n"],
    "json": [JSON],
    "scalars": ["    read_only: false  # for now\n", "    tmpfs: /scratch   # one\n",
                "    - npm_config_cache=/root/.npm   # wrong\n"],
    "nulls": ["    read_only:\n", "    volumes: ~\n", "    environment: null # nor here\n"],
    "unicode": ['    tmpfs: ["/scrätch"]\n'],
    "indentless": ['      npm_config_cache: "/root/.npm" # wrong\n'],
    "softened by an anchor": [NOT_HARDENED.splitlines(True)[2]],
    "names taken": NAMES_TAKEN.splitlines(True)[2:],
    "no last newline": ["    image: web:1.0"],
}


# The same files are the fuzz target's corpus, which is replayed with the sanitizers.
@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_awkward_files(refusals, scratch, name):
    text = FILES[name]
    path = scratch / "compose.yaml"
    path.write_bytes(text.encode())
    words = ["--service", "web", "--merge", path, *refusals.words]
    diff = advise(*words).stdout
    assert path.read_bytes() == text.encode(), "without --write nothing is written"
    assert advise("--write", *words).stdout == f"{path}: changed\n"
    new = path.read_bytes()
    assert yaml.safe_load(new) == expected(text), new.decode()
    assert removed_lines(text, new.decode()) == CHANGED.get(name, []), new.decode()
    if "\r" in text:
        assert new.count(b"\n") == new.count(b"\r\n")
    else:
        # The text mode of the pipe would have changed the ends of lines.
        assert patched(scratch, text.encode(), diff.encode()) == new
    # Once more changes nothing.
    assert advise("--write", *words).stdout == f"{path}: nothing to change\n"
    assert path.read_bytes() == new
    understood = config(scratch, "--compose", path, "--service", "web", "--project-name", "p")
    assert understood["read_only"] and any(line.startswith("volume /data p_") for line in routes(understood))


def test_read_only_from_an_anchor_is_enough(refusals, scratch):
    path = scratch / "compose.yaml"
    path.write_text(HARDENED)
    advise("--write", "--service", "web", "--merge", path, *refusals.words)
    assert path.read_text().count("read_only") == 1
    path.write_text(NOT_HARDENED)
    advise("--write", "--service", "web", "--merge", path, *refusals.words)
    services = yaml.safe_load(path.read_text())["services"]
    assert (services["web"]["read_only"], services["db"]["read_only"]) == (True, False)


def test_comments_stay_where_they_are(refusals, scratch):
    path = scratch / "compose.yaml"
    path.write_text(COMMENTS)
    advise("--write", "--service", "web", "--merge", path, *refusals.words)
    assert path.read_text() == COMMENTS.replace(
        "      - ./sock:/sock:ro   # read-only\n",
        "      - ./sock:/sock:ro   # read-only\n      - data:/data\n").replace(
        "      - /scratch:size=1m # small\n",
        "      - /scratch:size=1m # small\n      - /tmp:exec\n      - /run/postgresql:mode=0755,uid=70,gid=70\n"
        "    read_only: true\n    environment:\n      npm_config_cache: /tmp/npm\n").replace(
        "  dbdata: # nothing special\n", "  dbdata: # nothing special\n  data:\n")


REFUSED = {
    "a list that others share": (
        "x-t: &t [/scratch]\nservices:\n  web:\n    image: web\n    tmpfs: *t\n",
        "{path}:5:12: services.web.tmpfs is shared with others by an anchor; put it there by hand: /tmp:exec, /run"),
    "a list that others refer to": (
        "services:\n  web:\n    image: web\n    tmpfs: &t [/scratch]\n  db:\n    image: db\n    tmpfs: *t\n",
        "{path}:4:12: services.web.tmpfs is shared with others"),
    "a key from a merge": (
        "x-base: &base\n  tmpfs: [/scratch]\nservices:\n  web:\n    <<: *base\n    image: web\n",
        "{path}:4:3: services.web.tmpfs comes from an anchor by <<"),
    "a key from a merge of several": (
        "x-a: &a {labels: {a: b}}\nx-base: &base\n  environment: {A: b}\nservices:\n  web:\n    <<: [*a, *base]\n    image: web\n",
        "{path}:5:3: services.web.environment comes from an anchor by <<"),
    "a service that others share": (
        "services:\n  web: &web\n    image: web\n  db:\n    <<: *web\n",
        "{path}:2:8: the service web is shared with others by an anchor"),
    "a service that is another": (
        "x-x: &x\n  image: web\nservices:\n  web: *x\n",
        "{path}:4:8: the service web is shared with others by an anchor"),
    "a tag": (
        "services:\n  web:\n    image: web\n    tmpfs: !reset []\n",
        "{path}:4:12: services.web.tmpfs is written in a way"),
    "no service of its own": ("services:\n  db: {image: db}\n", "there is no service web"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_comes_from_elsewhere_is_refused(refusals, scratch, name):
    text, line = REFUSED[name]
    path = scratch / "compose.yaml"
    path.write_text(text)
    status = 2 if name == "no service of its own" else 1
    said = refused("--write", "--service", "web", "--merge", path, *refusals.words, status=status)
    assert line.format(path=path) in said
    assert path.read_text() == text


def test_of_several_files_the_last_one_is_changed(refusals, scratch):
    first, last = scratch / "compose.yaml", scratch / "compose.prod.yaml"
    first.write_text("services:\n  web:\n    image: web\n    tmpfs: [/scratch]\n")
    last.write_text("services:\n  web:\n    labels: {a: b}\n")
    words = ["--merge", "compose.yaml", "--merge", "compose.prod.yaml", "--write", *refusals.words]
    assert advise(*words, cwd=scratch).stdout == "compose.prod.yaml: changed\n"
    assert first.read_text() == "services:\n  web:\n    image: web\n    tmpfs: [/scratch]\n"
    assert yaml.safe_load(last.read_text())["services"]["web"]["tmpfs"] == TMPFS


def test_extends_is_followed(refusals, scratch):
    (scratch / "base.yaml").write_text("services:\n  base:\n    image: web\n    tmpfs: [/scratch]\n")
    path = scratch / "compose.yaml"
    path.write_text("services:\n  web:\n    extends: {file: base.yaml, service: base}\n")
    advise("--write", "--merge", path, *refusals.words)
    assert yaml.safe_load(path.read_text())["services"]["web"]["tmpfs"] == TMPFS
    assert len([line for line in routes(config(scratch)) if line.startswith("tmpfs")]) == 3


def test_mode_and_links_of_the_file_are_kept(refusals, scratch):
    real, link = scratch / "real.yaml", scratch / "compose.yaml"
    real.write_text(PLAIN)
    real.chmod(0o640)
    os.chown(real, 7, 8)
    link.symlink_to("real.yaml")
    advise("--write", "--merge", link, *refusals.words)
    assert link.is_symlink() and real.read_text() != PLAIN
    status = real.stat()
    assert (status.st_mode & 0o7777, status.st_uid, status.st_gid) == (0o640, 7, 8)
    assert sorted(path.name for path in scratch.iterdir()) == ["compose.yaml", "real.yaml"]


def test_a_file_that_nobody_may_write_is_left_alone(refusals, scratch):
    path = scratch / "compose.yaml"
    path.write_text(PLAIN)
    path.chmod(0o444)
    line = refused("--write", "--merge", path, *refusals.words, status=1)
    assert line == f"cannot write {path}: Permission denied; it is as it was"
    assert path.read_text() == PLAIN and [entry.name for entry in scratch.iterdir()] == ["compose.yaml"]


def test_what_is_declared_wrongly_is_mended_in_its_place(scratch, rofuse):
    """Options of an element that is there; its quotes and its comment stay."""
    layer = scratch / "layer"
    (layer / "scratch").mkdir(parents=True)
    mount = rofuse(layers=[layer], tmpfs=["/scratch:mode=0755", "/exec"])
    subprocess.run(["sh", "-c", "echo > scratch/x"], cwd=mount.point, check=False, capture_output=True, user=70, group=70)
    subprocess.run(["sh", "-c", "cp /bin/true exec/true; exec/true"], cwd=mount.point, check=False, capture_output=True)
    assert len(mount.records(at_least=2)) == 2
    path = scratch / "compose.yaml"
    text = "services:\n  web:\n    image: web\n    tmpfs:\n    - '/scratch:mode=0755' # mine\n    - /exec\n"
    path.write_text(text)
    advise("--write", "--merge", path, "--state-dir", mount.state)
    assert path.read_text() == text.replace("'/scratch:mode=0755'", "'/scratch:mode=0755,uid=70,gid=70'").replace(
        "- /exec", "- /exec:exec") + "    read_only: true\n"
