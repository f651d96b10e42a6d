"""Denied operations: exactly one record each, with what was tried, where, and why it was refused."""

import errno
import json
import mmap
import os
import socket
import stat

import pytest
from denial_cases import CASES, tree
from denial_log import call, fingerprint, mount, text_of  # noqa: F401


@pytest.fixture
def layers(scratch):
    """Two layers: the bottom one has /etc, the top one has /opt, and nothing else."""
    for number, name in enumerate(("etc", "opt")):
        layer = scratch / f"layer{number}"
        (layer / name).mkdir(parents=True)
        tree(layer / name)
    return [scratch / "layer0", scratch / "layer1"]


def check_record(record, case, place, why, held_by, tried="EROFS"):
    assert record["event"] == "denied"
    assert record["operation"] == case.operation, record
    assert text_of(record) == f"{place}/{case.path}".encode(), record
    if case.target is None:
        assert record.get("target") is None, record
    elif case.operation == "symlink":
        assert record["target"] == case.target
    else:
        assert record["target"] == f"{place}/{case.target}", record
    assert record["errno"] == tried
    assert record["errno_number"] == getattr(errno, tried)
    assert record["why"] == why
    assert record["held_by"] == held_by
    assert not record.get("name_unknown"), record
    flags = record.get("flags")
    if case.flags is None:
        assert flags is None, record
    else:
        assert case.flags <= set(flags), record
        accesses = {"O_WRONLY", "O_RDWR"}
        assert set(flags) & accesses == case.flags & accesses, record
    if case.mode is None:
        if case.operation != "open":  # open(2) takes a mode, but only what creates uses it
            assert record.get("mode") is None, record
    else:
        mode = int(record["mode"], 8)
        assert stat.S_IMODE(mode) == stat.S_IMODE(case.mode), record
        if stat.S_IFMT(case.mode):
            assert stat.S_IFMT(mode) == stat.S_IFMT(case.mode), record


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_not_declared(case, mount, layers, scratch):
    before = fingerprint(layers[0]), fingerprint(layers[1])
    log = mount(layers=layers, tmpfs=["/tmp"])
    for number, place in enumerate(("/etc", "/opt")):
        outcome = call(lambda at=log.mount.path(place): case.run(at))
        assert outcome.name == "EROFS"
        held_by = {"layer": number, "directory": str(layers[number])}
        record = log.one()
        check_record(record, case, place, "not-declared", held_by)
        assert record["process"]["pid"] == outcome.pid
    assert before == (fingerprint(layers[0]), fingerprint(layers[1]))


@pytest.mark.parametrize("kind", ["bind", "volume", "nested"])
def test_declared_read_only(kind, mount, layers, scratch):
    """All operations in a read-only route; nested: a read-only bind within a writable tmpfs."""
    source = scratch / "source"
    source.mkdir()
    tree(source)
    before = fingerprint(source)
    place, arguments = "/ro", {"mount": [f"type=bind,source={source},target=/ro,readonly"]}
    if kind == "volume":
        first = mount(layers=layers, volume=["kept:/ro"])
        tree(first.mount.path("/ro"))
        first.mount.end()
        arguments = {"volume": ["kept:/ro:ro"]}
    elif kind == "nested":
        place = "/data/ro"
        arguments = {"tmpfs": ["/data"], "volume": [f"{source}:/data/ro:ro"]}
    log = mount(layers=layers, **arguments)
    held_by = {"route": place, "kind": "volume" if kind == "volume" else "bind"}
    wrong = []
    for case in CASES:
        outcome = call(lambda case=case: case.run(log.mount.path(place)))
        records = log.take()
        try:
            assert outcome.name == "EROFS"
            assert len(records) == 1, records
            check_record(records[0], case, place, "declared-read-only", held_by)
        except AssertionError as error:
            wrong.append(f"{case.name}: {error}")
    assert not wrong, "\n".join(wrong)
    assert fingerprint(source) == before


def test_made_directories(mount, scratch):
    """A directory that only exists in memory: a route's missing parent, and a place that runtimes need."""
    log = mount(tmpfs=["/missing/parents/data"])
    for path in ("/missing/new", "/missing/parents/new", "/proc/new"):
        assert call(lambda path=path: os.mkdir(log.mount.path(path))).name == "EROFS"
        record = log.one()
        assert record["path"] == path
        assert record["held_by"] == {"made": True}
        assert record["why"] == "not-declared"
    for name, change in (("rmdir", os.rmdir), ("chmod", lambda path: os.chmod(path, 0o700)), ("utimes", os.utime)):
        assert call(lambda change=change: change(log.mount.path("/missing"))).name == "EROFS"
        record = log.one()
        assert (record["operation"], record["path"], record["held_by"]) == (name, "/missing", {"made": True})


def test_merged_directory(mount, scratch):
    """A missing name in a directory of several layers is held by the topmost of them; an existing one by its own."""
    for number in range(3):
        (scratch / f"m{number}" / "etc").mkdir(parents=True)
        (scratch / f"m{number}" / "etc" / f"file{number}").touch()
    log = mount(layers=[scratch / f"m{number}" for number in range(3)])
    assert call(lambda: os.mkdir(log.mount.path("/etc/new"))).name == "EROFS"
    assert log.one()["held_by"] == {"layer": 2, "directory": str(scratch / "m2")}
    for number in range(3):
        assert call(lambda number=number: os.unlink(log.mount.path(f"/etc/file{number}"))).name == "EROFS"
        assert log.one()["held_by"] == {"layer": number, "directory": str(scratch / f"m{number}")}


ODD_NAMES = [
    b"plain", b"with space", b"line\nbreak", b"tab\tbell\x07escape\x1b[31m", b"quote\"back\\slash", b"\\xff in text",
    b"delete\x7f", b"\xc3\xa4\xe2\x82\xac", b"\xff\xfe", b"half\xc3", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80",
    b"\xef\xbf\xbf", b"\xc2\x85", b"\xe2\x80\xae" + b"txt.exe", b"x" * 255, b"\xff" * 255, b".wh.whiteout", b".wh.",
    b"..x", b"{\"event\":\"denied\"}", b"%s%n%d",
]


def test_odd_names(mount, layers):
    """Names are bytes: kept exactly, and a line stays a line. In path and target, and of the link's text."""
    log = mount(layers=layers)
    etc = os.fsencode(log.mount.path("/etc"))
    for name in ODD_NAMES:
        for run in (lambda: os.mkdir(etc + b"/" + name), lambda: os.rename(etc + b"/file", etc + b"/" + name),
                    lambda: os.symlink(name, etc + b"/new")):
            outcome = call(run)
            if name.startswith(b".wh."):
                assert outcome.name in ("EROFS", "EINVAL", "EPERM"), name
                continue
            assert outcome.name == "EROFS", name
        if name.startswith(b".wh."):
            log.take()
            continue
        made, renamed, linked = log.take()
        assert text_of(made) == b"/etc/" + name
        assert text_of(renamed, "target") == b"/etc/" + name
        assert text_of(linked, "target") == name
        for record, key in ((made, "path"), (renamed, "target"), (linked, "target")):
            try:
                name.decode("utf-8")
                assert key + "_bytes" not in record, "raw bytes belong only where the name is not UTF-8"
            except UnicodeDecodeError:
                assert key + "_bytes" in record
    raw = log.mount.log_path.read_bytes()
    assert not set(raw) & (set(range(0x20)) - {0x0a}), "a control character reached the log"


def test_long_paths(mount, scratch):
    """A path of 4,095 bytes, and one that is longer than any path argument can be."""
    layer = scratch / "deep"
    layer.mkdir()
    name = "d" * 200
    here = os.open(layer, os.O_PATH | os.O_DIRECTORY)
    for _ in range(30):
        os.mkdir(name, dir_fd=here)
        here, old = os.open(name, os.O_PATH | os.O_DIRECTORY, dir_fd=here), here
        os.close(old)
    os.close(here)
    log = mount(layers=[layer])

    def descend(levels):
        os.chdir(log.mount.point)
        for _ in range(levels):
            os.chdir(name)
        os.mkdir("new")

    for levels in (19, 20, 30):
        assert call(lambda levels=levels: descend(levels)).name == "EROFS"
        record = log.one()
        assert record["path"] == "/" + "/".join([name] * levels + ["new"])


def test_reads_give_no_record(mount, layers, scratch):
    """Whatever only reads is nobody's denial: for root, for a stranger who is refused, and of special files."""
    (layers[0] / "etc" / "secret").mkdir(mode=0o700)
    (layers[0] / "etc" / "secret" / "file").write_text("hidden")
    (layers[0] / "etc" / "private").write_text("hidden")
    (layers[0] / "etc" / "private").chmod(0o600)
    os.mkfifo(layers[0] / "etc" / "fifo")
    (layers[0] / "etc" / "fifo").chmod(0o666)
    (layers[0] / "etc" / "script").write_text("#!/bin/sh\nexit 7\n")
    (layers[0] / "etc" / "script").chmod(0o755)
    source = scratch / "source"
    source.mkdir()
    tree(source)
    log = mount(layers=layers, tmpfs=["/tmp"], volume=[f"{source}:/ro:ro"])

    def reads(uid):
        def run():
            done = 0
            for place in ("/etc", "/ro", "/opt", "/tmp", "/"):
                at = str(log.mount.path(place))
                for _ in range(2):
                    os.listdir(at)
                    os.statvfs(at)
                    os.stat(at)
                    for mode in (os.R_OK, os.W_OK, os.X_OK, os.F_OK):
                        os.access(at, mode)
                        os.access(at + "/file", mode)
                        os.access(at + "/missing", mode)
                if place in ("/tmp", "/"):
                    continue
                fd = os.open(at + "/file", os.O_RDONLY)
                os.read(fd, 100)
                with mmap.mmap(fd, 0, prot=mmap.PROT_READ) as view:
                    done += len(view[:])
                os.fstat(fd)
                os.close(fd)
                os.close(os.open(at + "/file", os.O_RDONLY | os.O_CREAT, 0o600))
                os.close(os.open(at + "/file", os.O_PATH))
                os.readlink(at + "/link")
                os.getxattr(at + "/file", "user.a")
                os.listxattr(at + "/file")
                for wrong in (lambda: os.mkdir(at + "/file"), lambda: os.mkdir(at + "/missing/new"),
                              lambda: os.unlink(at + "/missing"), lambda: os.open(at + "/file/x", os.O_WRONLY),
                              lambda: os.open(at, os.O_WRONLY), lambda: os.open(at + "/file", os.O_CREAT | os.O_EXCL),
                              lambda: os.rmdir(at + "/missing"), lambda: os.open(at + "/missing", os.O_WRONLY)):
                    try:
                        wrong()
                        raise AssertionError("this cannot work")
                    except OSError as error:
                        assert error.errno in (errno.EEXIST, errno.ENOENT, errno.ENOTDIR, errno.EISDIR), error
            etc = str(log.mount.path("/etc"))
            os.close(os.open(etc + "/fifo", os.O_RDWR | os.O_NONBLOCK))  # a fifo may be written on a read-only mount
            if os.fork() == 0:
                os.execv(etc + "/script", ["script"])
            assert os.waitstatus_to_exitcode(os.wait()[1]) == 7
            for refused in (lambda: os.open(etc + "/private", os.O_RDONLY), lambda: os.listdir(etc + "/secret"),
                            lambda: os.stat(etc + "/secret/file"), lambda: os.chdir(etc + "/secret"),
                            lambda: os.execv(etc + "/file", ["file"])):
                try:
                    refused()
                except OSError as error:
                    assert error.errno == errno.EACCES
                    done += 1
                else:
                    assert uid == 0
            return done

        return run

    for uid in (0, 2000):
        outcome = call(reads(uid), uid=uid)
        assert outcome.errno == 0, outcome
        assert outcome.value > 0
        records = log.take()
        assert not records, json.dumps(records, indent=1)


def test_connect_and_lock_give_no_record(mount, layers):
    sock = layers[0] / "etc" / "sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(sock))
    sock.chmod(0o600)
    log = mount(layers=layers)

    def run():
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(log.mount.path("/etc/sock")))

    assert call(run).name == "ECONNREFUSED"
    assert call(run, uid=2000).name == "EACCES", "without default_permissions nobody would check a socket's mode"
    assert log.take() == []
