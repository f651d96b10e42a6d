"""Denials that the mode bits decide: EROFS where nothing is declared, as on a read-only mount; EACCES in routes."""

import errno
import os
import subprocess

import pytest
from denial_cases import CASES, tree
from denial_log import call, mount, text_of  # noqa: F401

BY_MODES = [case for case in CASES if case.by_modes]
IN_ROUTES = BY_MODES + [case for case in CASES if not case.by_modes and case.operation in ("open", "truncate")
                        and case.name != "open-again"]  # which must be read first
STRANGER = {"uid": 2000, "gid": 2000}


@pytest.fixture
def layer(scratch):
    path = scratch / "layer"
    (path / "etc").mkdir(parents=True)
    tree(path / "etc")
    return path


def visit(path):
    """What a shell does on its way: makes the kernel know the path and its attributes."""
    for name, directories, files in os.walk(path):
        for entry in directories + files:
            os.lstat(os.path.join(name, entry))


@pytest.mark.parametrize("known", [False, True], ids=["cold", "cached"])
@pytest.mark.parametrize("case", BY_MODES, ids=repr)
def test_stranger_in_a_place_not_declared(case, known, mount, layer):
    """A user who may not write root's directory gets EROFS all the same, and one record with the right name."""
    log = mount(layers=[layer])
    at = log.mount.path("/etc")
    if known:
        visit(at)
    for _ in range(3):
        outcome = call(lambda: case.run(at), **STRANGER)
        assert outcome.name == "EROFS"
        record = log.one()
        assert record["operation"] == case.operation, record
        assert record["errno"] == "EROFS"
        assert record["why"] == "not-declared"
        assert record["held_by"] == {"layer": 0, "directory": str(layer)}
        assert record["process"]["pid"] == outcome.pid
        assert record["process"]["uid"] == 2000
        if record.get("name_unknown"):
            # Only where two names are in play: the kernel asks about the directory of one of them.
            assert case.operation in ("rename", "link"), f"the name could have been read from the caller: {record}"
            assert record["path"] in ("/etc", "/etc/dir"), record
            continue
        assert text_of(record) == b"/etc/" + case.path.encode(), record


@pytest.mark.parametrize("known", [False, True], ids=["cold", "cached"])
@pytest.mark.parametrize("flags", [os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_APPEND, os.O_WRONLY | os.O_CREAT,
                                   os.O_RDWR | os.O_CREAT], ids=hex)
def test_opening_another_s_file(flags, known, mount, layer):
    """open(2) of an existing file asks for the modes before the mount: EACCES, also with O_CREAT; one record."""
    log = mount(layers=[layer])
    if known:
        visit(log.mount.point)
    for _ in range(2):
        outcome = call(lambda: os.open(log.mount.path("/etc/file"), flags, 0o600), **STRANGER)
        assert outcome.name == "EACCES"
        record = log.one()
        assert (record["operation"], record["path"], record["errno"]) == ("open", "/etc/file", "EACCES")
        assert record["why"] in ("not-declared", "permission")
        assert record["process"]["pid"] == outcome.pid


def test_truncating_another_s_file(mount, layer):
    """truncate(2) asks for the modes before the mount, too (vfs_truncate in fs/open.c)."""
    log = mount(layers=[layer])
    assert call(lambda: os.truncate(log.mount.path("/etc/file"), 0), **STRANGER).name == "EACCES"
    record = log.one()
    assert (record["operation"], record["path"], record["errno"]) == ("truncate", "/etc/file", "EACCES")


def test_touch(mount, layer):
    """coreutils' touch of root's file by a stranger: open (EACCES), then utimensat (EROFS), two calls, two records."""
    log = mount(layers=[layer])
    for name, expected in (("file", [("open", "EACCES"), ("utimes", "EROFS")]), ("new", [("create", "EROFS")])):
        result = subprocess.run(["setpriv", "--reuid=2000", "--regid=2000", "--clear-groups", "touch",
                                 log.mount.path("/etc") / name], capture_output=True, text=True, check=False)
        assert result.returncode == 1
        records = log.take()
        seen = [(r["operation"], r["errno"]) for r in records]
        assert seen in (expected, expected + [("utimes", "EROFS")] if name == "file" else expected), records
        assert {r["path"] for r in records} == {f"/etc/{name}"}
        assert {r["process"]["comm"] for r in records} == {"touch"}


TWO_PATHS = {  # from a working directory that nobody has looked at
    "moved here": lambda: os.rename("dir/file", "here"),
    "moved away": lambda: os.rename("file", "dir/there"),
    "linked here": lambda: os.link("dir/file", "here"),
    "by a way outside": lambda: os.rename(os.path.join(os.getcwd(), "dir/file"), "here"),
}


@pytest.mark.parametrize("name", TWO_PATHS)
def test_a_working_directory_that_is_new_to_the_kernel(name, mount, scratch):
    """Where one of two paths begins in the directory that refuses, and the other one ends there."""
    path = scratch / "bottom" / "etc"
    (path / "dir").mkdir(parents=True)
    for file in ("file", "dir/file"):
        (path / file).touch()
        os.chown(path / file, *STRANGER.values())
    log = mount(layers=[scratch / "bottom"])

    def run():
        os.chdir(log.mount.path("/etc"))
        TWO_PATHS[name]()

    assert call(run, **STRANGER).name == "EROFS"
    assert log.one()["operation"] in ("rename", "link")


def test_owner_in_a_place_not_declared(mount, layer):
    """Who may write by the modes is refused all the same: a user's own file and directory."""
    (layer / "home").mkdir()
    tree(layer / "home")
    for where, directories, files in os.walk(layer / "home"):
        for name in [where] + [os.path.join(where, entry) for entry in directories + files]:
            os.chown(name, 1000, 1000, follow_symlinks=False)
    log = mount(layers=[layer])
    wrong = []
    for case in CASES:
        # These need capabilities before all else.
        if case.name in ("mknod-device", "lsetxattr", "setxattr-capability", "chown", "lchown"):
            continue
        outcome = call(lambda case=case: case.run(log.mount.path("/home")), uid=1000, gid=1000)
        records = log.take()
        if outcome.name != "EROFS" or [r["operation"] for r in records] != [case.operation]:
            wrong.append((case.name, outcome, records))
    assert not wrong, wrong


def test_no_record_without_a_refusal(mount, scratch, layer):
    """Passing through, asking and opening what is there refuses nobody: no record, however often the kernel asks."""
    (layer / "etc" / "public").write_text("for all")
    (layer / "etc" / "public").chmod(0o666)
    (layer / "srv").mkdir(mode=0o711)
    source = scratch / "source"
    (source / "root" / "mine").mkdir(parents=True)
    (source / "root").chmod(0o755)
    (source / "root" / "mine").chmod(0o777)
    (source / "root" / "open").write_text("a")
    (source / "root" / "open").chmod(0o666)
    log = mount(layers=[layer], tmpfs=["/srv/tmp:mode=1777"], volume=[f"{source}:/data", "v:/srv/volume"])
    os.chmod(log.mount.path("/srv/volume"), 0o1777)

    def work(round_number):
        for directory in ("/srv/tmp", "/data/root/mine", "/srv/volume"):
            at = log.mount.path(directory) / f"dir{round_number}"
            os.mkdir(at)
            fd = os.open(at / "file", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            os.write(fd, b"data")
            os.close(fd)
            os.rename(at / "file", at / "other")
            os.utime(at / "other")
            os.chmod(at / "other", 0o640)
            os.setxattr(at / "other", "user.a", b"1")
            os.truncate(at / "other", 1)
            os.link(at / "other", at / "linked")
            os.symlink("x", at / "symlink")
            for name in ("linked", "symlink"):
                os.unlink(at / name)
        # The kernel asks whether a file could be created before it knows that it is there.
        for flags in (os.O_RDWR | os.O_CREAT, os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
                      os.O_WRONLY | os.O_APPEND | os.O_CREAT):
            os.close(os.open(log.mount.path("/data/root/open"), flags, 0o600))
        os.close(os.open(log.mount.path("/etc/public"), os.O_RDONLY | os.O_CREAT, 0o600))
        os.close(os.open(log.mount.path("/etc/file"), os.O_RDONLY | os.O_CREAT, 0o600))
        for name in ("/etc", "/etc/file", "/data/root", "/srv"):
            assert not os.access(log.mount.path(name), os.W_OK)
        subprocess.run(["test", "-w", log.mount.path("/data/root")], check=False)
        return True

    for number in range(4):
        outcome = call(lambda number=number: work(number), uid=1000, gid=1000, groups=[3000])
        assert outcome.value, outcome
        assert log.take() == []
        os.utime(source / "root", (number, number))  # a change from outside: the kernel asks for attributes again
        with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as drop:
            drop.write("2")


def test_created_by_the_kernel_s_first_question(mount, scratch, layer):
    """O_CREAT of root's existing file which the user may not write, cold: two questions of the kernel, one record."""
    source = scratch / "source"
    source.mkdir()
    tree(source)
    log = mount(layers=[layer], volume=[f"{source}:/data"])
    for place in ("/etc", "/data"):
        outcome = call(lambda place=place: os.open(log.mount.path(place) / "file", os.O_WRONLY | os.O_CREAT, 0o600),
                       **STRANGER)
        assert outcome.name == "EACCES"
        record = log.one()
        assert (record["operation"], record["path"], record["errno"]) == ("open", f"{place}/file", "EACCES")


ROUTES = {
    "tmpfs": {"tmpfs": ["/data:mode=0755"]},
    "volume": {"volume": ["v:/data"]},
    "bind": {"volume": ["SOURCE:/data"]},
}


@pytest.mark.parametrize("known", [False, True], ids=["cold", "cached"])
@pytest.mark.parametrize("kind", sorted(ROUTES))
def test_permission_in_a_writable_route(kind, known, mount, scratch):
    """A stranger in root's 0755 route: EACCES as natively, and one record each, again and again."""
    source = scratch / "source"
    source.mkdir(mode=0o755)
    arguments = {key: [value.replace("SOURCE", str(source)) for value in values]
                 for key, values in ROUTES[kind].items()}
    log = mount(**arguments)
    at = log.mount.path("/data")
    at.chmod(0o755)
    tree(at)
    (at / "file").chmod(0o600)
    if kind != "tmpfs" and not known:  # a tmpfs is the mount's own; the others are made cold by mounting them again
        log.mount.end()
        log = mount(**arguments)
        at = log.mount.path("/data")
    if known:
        visit(at)
    wrong = []
    for case in IN_ROUTES:
        for _ in range(2):
            outcome = call(lambda case=case: case.run(at), **STRANGER)
            records = log.take()
            said = [(r["operation"], text_of(r), r["errno"], r["why"], r["held_by"], r["process"]["pid"])
                    for r in records]
            path = case.path.encode()
            if records and records[0].get("name_unknown") and case.operation in ("rename", "link"):
                said[0] = (said[0][0], said[0][1] + b"/" + path, *said[0][2:])  # the directory is all that is known
            expected = [(case.operation, b"/data/" + path, "EACCES", "permission",
                         {"route": "/data", "kind": kind}, outcome.pid)]
            if outcome.name != "EACCES" or said != expected:
                wrong.append(f"{case.name}: {outcome} {said} instead of {expected}")
    assert not wrong, "\n".join(wrong)


def test_permission_after_a_change_from_outside(mount, scratch):
    """A volume's modes change behind the mount: what was allowed is refused, with a record, and the other way round."""
    source = scratch / "source"
    source.mkdir(mode=0o777)
    source.chmod(0o777)
    log = mount(volume=[f"{source}:/data"])

    def make(name):
        return call(lambda: os.mkdir(log.mount.path("/data") / name), **STRANGER)

    assert make("first").name == "OK"
    source.chmod(0o755)
    tries = 0
    while make(f"again{tries}").errno == 0:  # at once or shortly
        tries += 1
        assert tries < 100, "the changed mode is never seen"
        subprocess.run(["sleep", "0.1"], check=True)
    records = log.take()
    assert [(r["operation"], r["why"], r["errno"]) for r in records] == [("mkdir", "permission", "EACCES")], records
    source.chmod(0o777)
    tries = 0
    while make(f"more{tries}").errno != 0:
        tries += 1
        assert tries < 100, "the changed mode is never seen"
        subprocess.run(["sleep", "0.1"], check=True)
    assert len(log.take()) == tries


def test_capabilities_decide_not_the_uid(mount, layer):
    """root without CAP_DAC_OVERRIDE in a route of another's 0755 directory is refused and told."""
    log = mount(layers=[layer], tmpfs=["/data:mode=0755,uid=1000"])
    result = subprocess.run(["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all", "mkdir",
                             log.mount.path("/data/new")], capture_output=True, text=True, check=False)
    assert result.returncode == 1 and "Permission denied" in result.stderr, result
    record = log.one()
    assert (record["operation"], record["path"], record["why"]) == ("mkdir", "/data/new", "permission")
    assert record["process"]["uid"] == 0
    result = subprocess.run(["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all", "mkdir",
                             log.mount.path("/etc/new")], capture_output=True, text=True, check=False)
    assert result.returncode == 1 and os.strerror(errno.EROFS) in result.stderr
    assert log.one()["errno"] == "EROFS"
