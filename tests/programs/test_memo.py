"""A service in Node with its own Compose file: it works where it may write, and is refused and named where it may not."""

import json
import os
import pathlib
import shutil

import pytest
import rofuse_test
from program_run import free_port, http_request

# The time is that of other programs, and what they ask for is asked for by other tests too.
pytestmark = pytest.mark.slow

COMPOSE = rofuse_test.ROOT / "tests" / "programs" / "memo" / "compose.yaml"
TMPFS = "    tmpfs:\n      - /tmp:mode=1777\n"
TARGET = "        target: /data\n"
USER = 1000


class Memo:
    """A running memo; requests to it are (status, object)."""

    def __init__(self, run, compose, **kwargs):
        self.port = free_port()
        self.run = run("memo", options=["--compose", compose], service="api", environment={"PORT": str(self.port)}, **kwargs)
        assert self.run.until(lambda: self.request("GET", "/health"), "/health") == (200, {"ok": True})

    def request(self, method, path, body=None):
        status, answer = http_request(self.port, method, path, body)
        return status, json.loads(answer)

    def save(self, text):
        return self.request("POST", "/memo", {"text": text})


@pytest.fixture
def memo(run, scratch):
    """memo(change) starts the service by its Compose file, in which (what, by what) was replaced."""
    def start(change=None, **kwargs):
        directory = scratch / "memo"
        directory.mkdir(exist_ok=True)
        text = COMPOSE.read_text()
        if change:
            assert text.count(change[0]) == 1, change[0]
            text = text.replace(*change)
        (directory / "compose.yaml").write_text(text)
        return Memo(run, directory / "compose.yaml", **kwargs)

    return start


def volume(scratch):
    return scratch / "state/volumes/memo_api-data/_data"


def parents(pid):
    """A process and those that it descends from."""
    while pid > 0:
        yield pid
        pid = int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_memo_is_kept(memo, scratch):
    """It answers; what it saved is there in a second run; nothing was refused."""
    first = memo()
    assert first.save("buy milk") == (200, {"saved": True, "file": "/data/memo.txt"})
    assert first.save("and\nbread")[0] == 400
    assert first.run.end() == 0
    second = memo()
    assert second.save("buy bread") == (200, {"saved": True, "file": "/data/memo.txt"})
    assert second.run.end() == 0
    kept = volume(scratch) / "memo.txt"
    assert kept.read_text() == "buy milk\nbuy bread\n"
    assert (kept.stat().st_uid, kept.stat().st_gid) == (USER, USER)
    assert first.run.records() == second.run.records() == []


def test_program_itself_is_not_written(memo):
    """/app is the user's own; a write there is refused all the same, with one record of who tried."""
    service = memo()
    assert service.request("POST", "/try") == (200, {"code": "EROFS", "path": "/app/try.txt"})
    assert service.request("GET", "/health") == (200, {"ok": True})
    service.run.until(lambda: service.run.records() or None, "a record")
    (record,) = service.run.records()
    process = record["process"]
    # Who it was is still running: the same as the kernel says.
    pid = process["pid"]
    assert service.run.process.pid in parents(pid)
    arguments = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]
    assert process["args"] == [word.decode() for word in arguments] == ["node", "dist/server.js"]
    assert os.readlink(f"/proc/{pid}/exe").endswith("/usr/local/bin/node")
    assert process["exe"] == "/usr/local/bin/node"
    assert (process["uid"], process["gid"], process["cwd"]) == (USER, USER, "/app")
    assert (record["operation"], record["path"], record["errno"]) == ("create", "/app/try.txt", "EROFS")
    assert (record["why"], "layer" in record["held_by"]) == ("not-declared", True)
    assert service.run.end() == 0
    assert len(service.run.records()) == 1
    assert "/app" in service.run.output


def test_app_belongs_to_the_user(run):
    """What the test above relies on: without the read-only root, node could write there."""
    asked = run("memo", command=["-p", "const s = fs.statSync('/app'); `${s.uid} ${s.mode & 0o200} ${process.getuid()}`"])
    assert asked.wait() == 0, asked.output
    assert asked.stdout == f"{USER} 128 {USER}\n"


def test_without_its_tmpfs(memo, scratch):
    """The temporary file is refused, nothing is saved, and the report says what to declare."""
    service = memo((TMPFS, ""))
    status, answer = service.save("buy milk")
    assert (status, answer["code"]) == (500, "EROFS")
    assert answer["path"].startswith("/tmp/memo-")
    assert service.run.end() == 0
    (record,) = service.run.of_path(answer["path"])
    assert (record["operation"], record["why"]) == ("create", "not-declared")
    assert not (volume(scratch) / "memo.txt").exists()
    assert "--tmpfs /tmp" in service.run.output


def test_read_only_volume(memo, scratch):
    """The volume is declared, but not for writing; the log says that it is this."""
    service = memo((TARGET, TARGET + "        read_only: true\n"))
    status, answer = service.save("buy milk")
    assert (status, answer["code"], answer["path"]) == (500, "EROFS", "/data/memo.txt")
    assert service.run.end() == 0
    (record,) = service.run.records()
    assert (record["path"], record["errno"], record["why"]) == ("/data/memo.txt", "EROFS", "declared-read-only")
    assert record["held_by"] == {"route": "/data", "kind": "volume"}
    assert not (volume(scratch) / "memo.txt").exists()


def test_compose_file_is_found(run, scratch):
    """`rofuse run SERVICE` in the directory of the Compose file."""
    shutil.copy(COMPOSE, scratch / "compose.yaml")
    port = free_port()
    service = run("memo", service="api", environment={"PORT": str(port)})
    assert service.until(lambda: http_request(port, "GET", "/health"), "/health") == (200, b'{"ok":true}')
    assert service.end() == 0
