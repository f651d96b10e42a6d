"""Targets: nested, behind symbolic links, missing, single files; and what cannot be done to a route's root."""

import os
import stat
import subprocess

import pytest

from denial_log import call
from route_helpers import refused
from syscalls import RENAME_EXCHANGE, rename2


def error_of(function, *args, **kwargs):
    """The name of the error, as a caller with root's rights gets it."""
    return call(lambda: function(*args, **kwargs) and None).name


@pytest.fixture
def layer(scratch):
    """An image with a bit of everything that a target can meet."""
    path = scratch / "layer"
    for directory in ("run/lock", "var/lib/app", "etc", "data/image", "usr/bin"):
        (path / directory).mkdir(parents=True)
    (path / "etc/conf").write_text("the image's conf\n")
    (path / "data/image/file").write_text("the image's data\n")
    (path / "var/run").symlink_to("/run")
    (path / "var/lock").symlink_to("../run/lock")
    (path / "chain").symlink_to("var/run/../lock")
    (path / "out").symlink_to("../../../../run")
    (path / "dangling").symlink_to("/made/for/it")
    (path / "loop").symlink_to("loop")
    (path / "conf-link").symlink_to("etc/conf")
    return path


def check_tree(mount, *paths):
    """Each path is listed in its parent with the number and type that stat tells, and is on the mount's one device."""
    device = os.lstat(mount.point).st_dev
    for path in paths:
        st = os.lstat(mount.path(path))
        assert st.st_dev == device
        entries = {entry.name: entry for entry in os.scandir(os.path.dirname(mount.path(path)))}
        entry = entries[os.path.basename(path)]
        assert entry.inode() == st.st_ino, path
        assert entry.is_dir(follow_symlinks=False) == stat.S_ISDIR(st.st_mode), path


@pytest.mark.parametrize("reverse", [False, True])
def test_nested_targets_in_any_order(scratch, rofuse, layer, reverse):
    source = scratch / "source"
    source.mkdir()
    options = [("volume", "v:/data"), ("tmpfs", "/data/cache"), ("volume", f"{source}:/data/cache/deep/bind"),
               ("volume", "w:/data/image")]
    mounts = {"tmpfs": [], "volume": []}
    for kind, value in reversed(options) if reverse else options:
        mounts[kind].append(value)
    mount = rofuse(layers=[layer], **mounts)
    for name in ("data", "data/cache", "data/cache/deep/bind", "data/image"):
        mount.path(f"{name}/own").write_text(name)
    volumes = mount.state / "volumes"
    assert (volumes / "v/_data/own").read_text() == "data"
    assert (volumes / "w/_data/own").read_text() == "data/image"
    assert (source / "own").read_text() == "data/cache/deep/bind"
    assert sorted(os.listdir(mount.path("data"))) == ["cache", "image", "own"]
    assert os.listdir(volumes / "v/_data/cache") == []
    check_tree(mount, "data", "data/cache", "data/cache/deep", "data/cache/deep/bind", "data/image")
    numbers = {os.stat(mount.path(name)).st_ino for name in ("data", "data/cache", "data/cache/deep", "data/image", "")}
    assert len(numbers) == 5
    assert os.path.samefile(mount.path("data/cache/.."), mount.path("data"))
    assert os.path.samefile(mount.path("data/cache/deep/bind/../.."), mount.path("data/cache"))


def test_nested_in_a_read_only_route(scratch, rofuse, layer):
    source = scratch / "source"
    (source / "there").mkdir(parents=True)
    mount = rofuse(layers=[layer], volume=[f"{source}:/data:ro", "v:/data/there"])
    mount.path("data/there/file").write_text("x")
    assert error_of(os.mkdir, mount.path("data/new")) == "EROFS"
    mount.end()
    refused(rofuse, "/data/missing", layers=[layer], volume=[f"{source}:/data:ro", "v:/data/missing"])
    assert sorted(os.listdir(source)) == ["there"]


@pytest.mark.parametrize("target, real", [
    ("/var/run/app", "run/app"), ("/var/lock", "run/lock"), ("/chain/x", "run/../lock/x"), ("/out/y", "run/y"),
    ("/dangling/z", "made/for/it/z"), ("/var/run/../run/./q//", "run/q"), ("/var/lib/app/../app2", "var/lib/app2")])
def test_behind_symlinks(rofuse, layer, target, real):
    mount = rofuse(layers=[layer], volume=[f"v:{target}"])
    mount.path(real).joinpath("file").write_text("x")
    assert (mount.state / "volumes/v/_data/file").read_text() == "x"
    check_tree(mount, os.path.normpath(real))
    if os.path.normpath(target) != "/" + os.path.normpath(real):
        assert not os.path.islink(mount.path(os.path.normpath(real)))


def test_targets_that_cannot_be(scratch, rofuse, layer):
    source = scratch / "file"
    source.write_text("x")
    refused(rofuse, "symbolic links", layers=[layer], volume=["v:/loop/x"])
    refused(rofuse, "file", layers=[layer], volume=["v:/etc/conf/x"])
    refused(rofuse, "file", layers=[layer], volume=["v:/etc/conf"])
    refused(rofuse, "file", layers=[layer], tmpfs=["/etc/conf"])
    refused(rofuse, "file", layers=[layer], volume=[f"{source}:/etc"])
    assert not (scratch / "state/volumes/v/_data").exists(), "nothing is made for what is refused"
    refused(rofuse, "/run", layers=[layer], volume=["v:/run", "w:/var/run"])
    refused(rofuse, "root", layers=[layer], volume=["v:/"])
    refused(rofuse, "root", layers=[layer], volume=["v:/var/.."])
    refused(rofuse, "missing", layers=[layer], mount=[f"type=bind,source={scratch}/missing,target=/data"])


def test_missing_targets_are_made(rofuse, layer):
    """In memory only: the layer is as it was, and what leads there is as read-only as the rest."""
    mount = rofuse(layers=[layer], volume=["v:/a/b/c", "w:/etc/more/d"])
    mount.path("a/b/c/file").write_text("x")
    check_tree(mount, "a", "a/b", "a/b/c", "etc/more", "etc/more/d")
    assert os.listdir(mount.path("a/b")) == ["c"]
    assert {"conf", "more"} <= set(os.listdir(mount.path("etc")))
    st = os.stat(mount.path("a/b"))
    assert (st.st_mode, st.st_uid, st.st_gid) == (0o40755, 0, 0)
    for path in ("a/x", "a/b/x", "etc/x", "etc/more/x"):
        assert error_of(os.mkdir, mount.path(path)) == "EROFS"
    assert error_of(os.rmdir, mount.path("a/b")) == "EROFS"
    assert error_of(os.chmod, mount.path("a"), 0o777) == "EROFS"
    assert not (layer / "a").exists() and not (layer / "etc/more").exists()


def test_a_single_file(scratch, rofuse, layer):
    source = scratch / "host.conf"
    source.write_text("the host's conf\n")
    os.chmod(source, 0o640)
    mount = rofuse(layers=[layer], volume=[f"{source}:/etc/conf", f"{source}:/etc/new/conf:ro"])
    conf = mount.path("etc/conf")
    assert conf.read_text() == "the host's conf\n"
    assert mount.path("conf-link").read_text() == "the host's conf\n"
    assert os.stat(conf).st_mode == 0o100640
    check_tree(mount, "etc/conf", "etc/new/conf")
    conf.write_text("written inside, and longer than it was\n")
    assert source.read_text() == "written inside, and longer than it was\n"
    with open(conf, "a", encoding="ascii") as file:
        file.write("appended\n")
        os.fsync(file.fileno())
    source.write_text("written outside\n")
    assert conf.read_text() == mount.path("etc/new/conf").read_text() == "written outside\n"
    os.chmod(conf, 0o604)
    os.chown(conf, 5, 6)
    os.utime(conf, (7, 8))
    os.setxattr(conf, "user.a", b"1")
    st = os.stat(source)
    assert (st.st_mode, st.st_uid, st.st_gid, st.st_atime, st.st_mtime) == (0o100604, 5, 6, 7, 8)
    assert os.getxattr(source, "user.a") == b"1"
    assert error_of(os.truncate, mount.path("etc/new/conf"), 0) == "EROFS"
    for change in (lambda: os.unlink(conf), lambda: os.rename(conf, mount.path("etc/x")),
                   lambda: os.rename(mount.path("etc/hosts"), conf), lambda: os.link(conf, mount.path("etc/y"))):
        assert error_of(change) in ("EROFS", "EBUSY", "EXDEV")
    assert source.exists()


def test_a_single_file_in_a_writable_route(scratch, rofuse, layer):
    source = scratch / "host.conf"
    source.write_text("the host's")
    mount = rofuse(layers=[layer], volume=["v:/data", f"{source}:/data/conf"])
    conf = mount.path("data/conf")
    conf.write_text("inside")
    assert source.read_text() == "inside"
    mount.path("data/other").write_text("other")
    assert error_of(os.unlink, conf) == "EBUSY"
    assert error_of(os.rename, conf, mount.path("data/moved")) == "EBUSY"
    assert error_of(os.rename, mount.path("data/other"), conf) == "EBUSY"
    assert error_of(rename2, mount.path("data/other"), conf, RENAME_EXCHANGE) == "EBUSY"
    assert error_of(os.link, conf, mount.path("data/linked")) == "EXDEV"
    assert (mount.state / "volumes/v/_data/conf").read_text() == ""
    assert source.read_text() == "inside"


def test_a_bind_of_a_directory_that_is_missing(scratch, rofuse, layer):
    source = scratch / "to" / "be" / "made"
    mount = rofuse(layers=[layer], volume=[f"{source}:/data"])
    mount.path("data/file").write_text("x")
    assert os.listdir(source) == ["file"]
    assert os.listdir(mount.path("data")) == ["file"], "a bind hides what the image has there"


def test_a_bind_shows_what_is_mounted_below(scratch, rofuse, layer):
    """As docker's rprivate bind: a file system mounted below the source belongs to it."""
    source = scratch / "source"
    (source / "other").mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "none", source / "other"], check=True)
    (source / "file").write_text("a")
    (source / "other/file").write_text("b")
    mount = rofuse(layers=[layer], volume=[f"{source}:/data"])
    assert mount.path("data/other/file").read_text() == "b"
    one, two = os.stat(mount.path("data/file")), os.stat(mount.path("data/other/file"))
    assert one.st_ino != two.st_ino
    # Not data/other: of a directory that is mounted over, readdir(3) tells the number below, here as everywhere.
    check_tree(mount, "data/file", "data/other/file")
    assert error_of(os.rename, mount.path("data/file"), mount.path("data/other/moved")) == "EXDEV"
    assert error_of(os.rmdir, mount.path("data/other")) == "EBUSY"
    mount.path("data/other/new").write_text("c")
    assert (source / "other/new").read_text() == "c"


def test_between_routes(rofuse, layer):
    """Each is a file system of its own: EXDEV, whatever is moved or linked."""
    mount = rofuse(layers=[layer], volume=["v:/data", "w:/other"], tmpfs=["/tmp", "/data/cache"])
    for place in ("data", "other", "tmp", "data/cache"):
        mount.path(f"{place}/file").write_text(place)
        mount.path(f"{place}/dir").mkdir()
    for here, there in (("data", "other"), ("data", "tmp"), ("tmp", "data"), ("data", "data/cache"),
                        ("data/cache", "data"), ("data", "etc"), ("etc", "data")):
        file = "conf" if here == "etc" else "file"
        assert error_of(os.rename, mount.path(f"{here}/{file}"), mount.path(f"{there}/moved")) == "EXDEV", (here, there)
        assert error_of(os.link, mount.path(f"{here}/{file}"), mount.path(f"{there}/linked")) == "EXDEV", (here, there)
        if "etc" not in (here, there):
            assert error_of(rename2, mount.path(f"{here}/file"), mount.path(f"{there}/file"),
                            RENAME_EXCHANGE) == "EXDEV"
            assert error_of(os.rename, mount.path(f"{here}/dir"), mount.path(f"{there}/dir")) == "EXDEV"
    assert mount.path("data/file").read_text() == "data"
    # What programs do then: copy and remove.
    subprocess.run(["mv", mount.path("data/file"), mount.path("tmp/moved")], check=True)
    assert mount.path("tmp/moved").read_text() == "data"


def test_the_root_of_a_route(rofuse, layer):
    mount = rofuse(layers=[layer], volume=["v:/data", "w:/data/nested"], tmpfs=["/tmp"])
    mount.path("data/plain").mkdir()
    for path in ("data", "tmp"):
        assert error_of(os.rmdir, mount.path(path)) == "EROFS"
        assert error_of(os.rename, mount.path(path), mount.path("x")) == "EROFS"
        assert error_of(os.rename, mount.path("etc"), mount.path(path)) == "EROFS"
    nested = mount.path("data/nested")
    assert error_of(os.rmdir, nested) == "EBUSY"
    assert error_of(os.rename, nested, mount.path("data/x")) == "EBUSY"
    assert error_of(os.rename, mount.path("data/plain"), nested) == "EBUSY"
    assert error_of(rename2, mount.path("data/plain"), nested, RENAME_EXCHANGE) == "EBUSY"
    assert error_of(rename2, nested, mount.path("data/plain"), RENAME_EXCHANGE) == "EBUSY"
    nested.joinpath("file").write_text("x")
    assert sorted(os.listdir(mount.path("data"))) == ["image", "nested", "plain"]
    # Its attributes are its own, and can be changed.
    os.chmod(nested, 0o1733)
    os.chown(nested, 11, 12)
    st = os.stat(mount.state / "volumes/w/_data")
    assert (st.st_mode, st.st_uid, st.st_gid) == (0o41733, 11, 12)


def test_a_directory_that_holds_a_nested_route_is_moved(rofuse, layer):
    """As with mounts: it takes the route along, and cannot be removed while the route is there."""
    mount = rofuse(layers=[layer], volume=["v:/data", "w:/data/dir/nested"])
    mount.path("data/dir/nested/file").write_text("w's")
    assert error_of(os.rmdir, mount.path("data/dir")) == "ENOTEMPTY"
    os.rename(mount.path("data/dir"), mount.path("data/moved"))
    assert mount.path("data/moved/nested/file").read_text() == "w's"
    mount.path("data/moved/nested/second").write_text("2")
    assert (mount.state / "volumes/w/_data/second").read_text() == "2"
    mount.path("data/dir/nested").mkdir(parents=True)
    mount.path("data/dir/nested/plain").write_text("v's")
    assert (mount.state / "volumes/v/_data/dir/nested/plain").read_text() == "v's"
    assert error_of(os.rmdir, mount.path("data/moved/nested")) == "EBUSY"


@pytest.mark.parametrize("options", [{"tmpfs": ["/data:ro"]}, {"volume": ["v:/data:ro"]},
                                     {"volume": ["{source}:/data:ro"]},
                                     {"mount": ["type=volume,source=v,target=/data,readonly"]}])
def test_read_only_routes(scratch, rofuse, layer, options):
    source = scratch / "source"
    source.mkdir()
    for directory in (source, scratch / "state/volumes/v/_data"):
        (directory / "dir").mkdir(parents=True)
        (directory / "file").write_text("there")
        os.chmod(directory / "file", 0o666)
        os.chmod(directory, 0o777)
    mount = rofuse(layers=[layer], **{kind: [value.format(source=source) for value in values]
                                      for kind, values in options.items()})
    at = mount.path("data")
    changes = {"create": lambda: os.close(os.open(at / "new", os.O_CREAT | os.O_WRONLY)),
               "mkdir": lambda: os.mkdir(at / "new"), "symlink": lambda: os.symlink("x", at / "new"),
               "mkfifo": lambda: os.mkfifo(at / "new"), "chmod of the root": lambda: os.chmod(at, 0o700),
               "tmpfile": lambda: os.close(os.open(at, os.O_TMPFILE | os.O_RDWR))}
    if "tmpfs" not in options:
        changes |= {"write": lambda: os.close(os.open(at / "file", os.O_WRONLY)),
                    "unlink": lambda: os.unlink(at / "file"),
                    "append": lambda: os.close(os.open(at / "file", os.O_RDWR | os.O_APPEND)),
                    "truncate": lambda: os.truncate(at / "file", 0),
                    "rename": lambda: os.rename(at / "file", at / "new"),
                    "link": lambda: os.link(at / "file", at / "new"), "rmdir": lambda: os.rmdir(at / "dir"),
                    "utime": lambda: os.utime(at / "file", (1, 1)),
                    "xattr": lambda: os.setxattr(at / "file", "user.a", b"1")}
        assert (at / "file").read_text() == "there"
    # tmpfs' root is 1777, the others' 0777; the file is anybody's to write. What only owners may do is for root.
    for name, change in changes.items():
        assert call(change).name == "EROFS", name
        if name not in ("chmod of the root", "link", "utime", "xattr"):
            assert call(change, 1001, 1001).name == "EROFS", name
    assert not (at / "new").exists()
