"""Native routes: a real mount over the target, its flags, its data, what is nested; and who may not have them."""

import os
import re
import shutil
import stat
import subprocess

import busybox_image
import pytest
import rofuse_test

from native_helpers import ROUTES, flags, places, run, status, table, umount
from route_helpers import image, refused, store

USER = busybox_image.USER


def test_flags_are_those_declared(scratch, native):
    source = scratch / "source"
    source.mkdir()
    mount = native(tmpfs=["/tmp:size=1m", "/run:exec,suid,dev", "/ro:ro", "/exec:exec"],
                   volume=["v:/v", "w:/w:ro", f"{source}:/bind", f"{source}:/bind-ro:ro"],
                   mount=["type=tmpfs,target=/long,readonly", "type=volume,source=x,target=/x"], extra=ROUTES)
    wanted = {"/tmp": "rw nosuid nodev noexec", "/run": "rw nodev", "/ro": "ro nosuid nodev noexec",
              "/exec": "rw nosuid nodev", "/v": "rw nodev", "/w": "ro nodev", "/bind": "rw nodev", "/bind-ro": "ro nodev",
              "/long": "ro nosuid nodev noexec", "/x": "rw nodev"}
    assert {place: flags(mount, place) for place in places(mount)} == {k: set(v.split()) for k, v in wanted.items()}
    top = table(mount.point)[0]
    assert all(entry.parent == top.id for entry in table(mount.point)[1:])
    assert os.statvfs(mount.path("/tmp")).f_blocks * os.statvfs(mount.path("/tmp")).f_frsize == 1 << 20
    assert os.stat(mount.path("/tmp")).st_mode & 0o7777 == 0o1777
    with pytest.raises(OSError, match="Read-only"):
        mount.path("/w/file").touch()
    shutil.copy("/bin/true", mount.path("/tmp/true"))
    shutil.copy("/bin/true", mount.path("/run/true"))
    with pytest.raises(PermissionError):
        subprocess.run([mount.path("/tmp/true")], check=False)
    subprocess.run([mount.path("/run/true")], check=True)


def test_flags_of_the_source_stay(scratch, native):
    """A bind of what the host has mounted noexec, and of what is mounted below that, as docker's binds."""
    source = scratch / "source"
    (source / "sub").mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "noexec,nosuid", "none", source], check=True)
    (source / "sub").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", source / "sub"], check=True)
    (source / "sub/file").write_text("below")
    mount = native(volume=[f"{source}:/bind:ro"], extra=ROUTES)
    assert [entry.parent for entry in table(mount.point)[1:]] == [entry.id for entry in table(mount.point)[:-1]]
    assert places(mount) == ["/bind", "/bind/sub"]
    assert flags(mount, "/bind") == {"ro", "nosuid", "nodev", "noexec"}
    assert flags(mount, "/bind/sub") == {"ro", "nodev"}
    assert mount.path("/bind/sub/file").read_text() == "below"
    assert mount.end() == 0
    assert (source / "sub/file").read_text() == "below"
    (source / "sub/file").write_text("the host's mounts are as they were")


def test_data(scratch, native):
    """The volume is filled from the image, written past the daemon, outlives the mount; a tmpfs does not."""
    layer = image(scratch, data__sub__file="the image's", data__app="x")
    mount = native(layers=[layer], volume=["v:/data:native"], tmpfs=["/tmp:native,tmpcopyup", "/data/tmp"])
    assert mount.path("/data/sub/file").read_text() == "the image's"
    mount.path("/data/new").write_text("new")
    mount.path("/tmp/new").write_text("new")
    assert (store(mount, "v") / "new").read_text() == "new"
    assert umount(mount).returncode == 0
    assert mount.process.wait(60) == 0
    again = native(layers=[layer], tmpfs=["/tmp"], extra=ROUTES,
                   mount=["type=volume,source=v,target=/data", "type=volume,source=v,target=/sub,volume-subpath=sub"])
    assert again.path("/data/new").read_text() == "new"
    assert again.path("/sub/file").read_text() == "the image's"
    assert os.listdir(again.path("/tmp")) == []
    assert (layer / "data/app").exists() and not (layer / "data/new").exists()


def test_one_route_of_several(native):
    mount = native(tmpfs=["/a:native", "/b", "/c"], mount=["type=tmpfs,target=/d,native", "type=tmpfs,target=/e,native=false"])
    assert places(mount) == ["/a", "/d"]
    told = {route["target"]: route["native"] for route in status(mount)["routes"]}
    assert told == {"/a": True, "/b": False, "/c": False, "/d": True, "/e": False}
    shown = run("status", "--state-dir", mount.state, mount.point).stdout
    assert re.search(r"/a +tmpfs +- +noexec,nosuid,nodev,native ", shown)
    assert re.search(r"/b +tmpfs +- +noexec,nosuid,nodev ", shown)
    assert re.search(r"^  limits .*native: /a, /d: .*not in the log", shown, re.MULTILINE)


def test_all_routes_but_those_that_say_no(native):
    mount = native(tmpfs=["/a", "/b:nonative"], mount=["type=tmpfs,target=/c,native=false"], extra=ROUTES)
    assert places(mount) == ["/a"]


def test_default_is_fuse(native):
    for extra in ((), ("--routes", "fuse")):
        assert places(native(tmpfs=["/a"], volume=["v:/v"], extra=extra)) == []


def test_denials_are_not_seen(native):
    """The record is made where rofuse is asked, and only there."""
    mount = native(tmpfs=["/a:ro,native", "/b:ro"])
    for name in ("a", "b"):
        with pytest.raises(OSError, match="Read-only"):
            mount.path(f"/{name}/file").touch()
    assert {record["path"] for record in mount.records(at_least=1)} == {"/b/file"}


def test_single_file(scratch, native):
    layer = image(scratch, etc__conf="the image's", etc__other="x")
    source = scratch / "file"
    source.write_text("the host's")
    mount = native(layers=[layer], volume=[f"{source}:/etc/conf:ro", f"{source}:/missing/conf"], extra=ROUTES)
    assert [entry.type for entry in table(mount.point)].count("fuse.rofuse") == 1
    assert places(mount) == ["/etc/conf", "/missing/conf"]
    assert mount.path("/etc/conf").read_text() == "the host's"
    mount.path("/missing/conf").write_text("changed")
    assert source.read_text() == "changed"
    with pytest.raises(OSError, match="Read-only"):
        mount.path("/etc/conf").write_text("x")
    assert mount.path("/etc/other").read_text() == "x"


def test_nested_in_any_order(scratch, native):
    """Each in the mount that it is nested in; directories in between are real ones of the outer route."""
    source = scratch / "source"
    source.mkdir()
    mount = native(tmpfs=["/data"], volume=[f"{source}:/data/cache/deep/bind", "v:/data/cache"], extra=ROUTES)
    assert places(mount) == ["/data", "/data/cache", "/data/cache/deep/bind"]
    entries = table(mount.point)
    assert [entry.parent for entry in entries[1:]] == [entry.id for entry in entries[:-1]]
    for place in places(mount):
        mount.path(place).joinpath("own").write_text(place)
    assert sorted(os.listdir(mount.path("/data"))) == ["cache", "own"]
    assert sorted(os.listdir(store(mount, "v"))) == ["deep", "own"]
    assert (source / "own").read_text() == "/data/cache/deep/bind"
    assert mount.end() == 0
    assert sorted(os.listdir(store(mount, "v"))) == ["deep", "own"]


def test_nested_in_a_native_one_is_native(native):
    """The kernel would not see another one; that is said."""
    mount = native(tmpfs=["/data:native", "/datax"], volume=["v:/data/cache"])
    assert places(mount) == ["/data", "/data/cache"]
    assert {route["target"] for route in status(mount)["routes"] if route["native"]} == {"/data", "/data/cache"}
    assert "volume /data/cache: native too, as it lies in the native tmpfs /data\n" in mount.output()


def test_nested_in_a_native_one_and_says_no(rofuse):
    refused(rofuse, "/data/cache: is not to be native, and lies in the native tmpfs /data,.*make both native, or none",
            tmpfs=["/data:native", "/data/cache:nonative"])


def test_native_in_fuse(native):
    mount = native(tmpfs=["/data"], volume=["v:/data/a/cache:native"])
    assert places(mount) == ["/data/a/cache"]
    mount.path("/data/a/file").write_text("by the daemon")
    mount.path("/data/a/cache/file").write_text("by the kernel")
    assert (store(mount, "v") / "file").read_text() == "by the kernel"
    assert umount(mount).returncode == 0
    assert table(mount.point) == []


def test_behind_links_of_the_image(scratch, native):
    """Where a target lies is decided by the image, and nothing outside of the mount is mounted over or unmounted."""
    layer = image(scratch, run__lock__x="x")
    (layer / "var").mkdir()
    (layer / "var/run").symlink_to("/run")
    (layer / "out").symlink_to("../../../../run/app")
    mount = native(layers=[layer], volume=["v:/var/run/lock", "w:/out"], extra=ROUTES)
    assert places(mount) == ["/run/app", "/run/lock"]
    assert umount(mount).returncode == 0
    assert table(mount.point) == []


def test_failure_at_start_leaves_nothing(scratch, rofuse):
    """The second of two cannot be mounted: a bind that the kernel refuses to bind."""
    source = scratch / "source"
    source.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", source], check=True)
    subprocess.run(["mount", "--make-unbindable", source], check=True)
    mount = rofuse(tmpfs=["/a"], volume=[f"{source}:/b"], extra=ROUTES, start=False)
    result = subprocess.run(mount.args, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert re.fullmatch(r"rofuse: bind /b: cannot be mounted natively: .*; leave out native\n", result.stderr)
    assert table(mount.point) == []
    assert run("status", "--state-dir", mount.state).stdout == "no mounts\n"


@pytest.mark.parametrize("options, named", [
    ({"tmpfs": ["/tmp"], "extra": ROUTES}, "tmpfs /tmp"),
    ({"volume": ["v:/v", "w:/w:native"]}, "volume /w"),
    ({"mount": ["type=bind,source=/etc,target=/x,native"]}, "bind /x")])
def test_ordinary_user(scratch, rofuse, options, named):
    """Has not the privilege: one line that names the route and the mend, and nothing is made."""
    for path in (scratch, scratch / "point"):
        path.mkdir(exist_ok=True)
        path.chmod(0o777)
    shutil.copy(rofuse_test.BINARY, scratch / "rofuse")
    mount = rofuse(start=False, point=scratch / "point", **options)
    args = [str(scratch / "rofuse") if arg == rofuse_test.BINARY else arg for arg in mount.args]
    result = subprocess.run(["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", *args], cwd="/",
                            capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert re.fullmatch(f"rofuse: {named}: native needs the right to mount .*run rofuse as root, .*leave out native\n",
                        result.stderr), result.stderr
    assert table(mount.point) == []
    assert not (scratch / "state/volumes").exists()


def test_root_without_the_capability(rofuse):
    mount = rofuse(start=False, tmpfs=["/tmp:native"],
                   prefix=["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"])
    result = subprocess.run(mount.args, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.startswith("rofuse: tmpfs /tmp: native needs the right to mount")


IN_NAMESPACE = r"""
set -eu
"$rofuse" mount --state-dir "$state" --log "file:$state.log" --routes native --tmpfs /a -v v:/a/deep \
    -v "$source:/ro:ro" "$mnt" 2>"$said"
cat /proc/self/mountinfo >"$tables.1"
echo mine >"$mnt/a/deep/file"
if [ "$busy" = yes ]; then
    (cd "$mnt/a/deep" && : >"$tables.busy" && exec sleep 600) &
    until [ -e "$tables.busy" ]; do sleep 0.05; done
    "$rofuse" umount --state-dir "$state" "$mnt" 2>"$said"
    kill $!
else
    "$rofuse" umount --state-dir "$state" "$mnt"
fi
cat /proc/self/mountinfo >"$tables.2"
"""


@pytest.mark.parametrize("busy", ["no", "yes"])
@pytest.mark.parametrize("uid", [0, USER])
def test_user_namespace(scratch, uid, busy):
    """Root of a user namespace with a mount namespace of its own has the privilege there."""
    home = scratch / "home"
    for name in ("mnt", "source"):
        (home / name).mkdir(parents=True)
    for path in (home, *home.iterdir()):
        os.chown(path, uid, uid)
    shutil.copy(rofuse_test.BINARY, scratch / "rofuse")
    environment = {**os.environ, "rofuse": str(scratch / "rofuse"), "state": str(home / "state"), "mnt": str(home / "mnt"),
                   "source": str(home / "source"), "tables": str(home / "table"), "busy": busy, "said": str(home / "said"),
                   "XDG_RUNTIME_DIR": str(home), "HOME": str(home)}
    # A /dev/fuse for everybody: 0600 on some machines, and not ours to change.
    os.mknod(scratch / "fuse", stat.S_IFCHR | 0o666, os.makedev(10, 229))
    (scratch / "fuse").chmod(0o666)
    result = subprocess.run(["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /dev/fuse && exec "$@"', scratch / "fuse",
                             "setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "unshare", "--user",
                             "--map-root-user", "--mount", "sh", "-c", IN_NAMESPACE], env=environment, cwd="/",
                            capture_output=True, text=True, check=False)
    assert result.returncode == 0, (home / "said").read_text()
    mounted = {entry.place: entry.flags for entry in table(home / "mnt", home / "table.1")[1:]}
    assert mounted == {"/a": {"rw", "nosuid", "nodev", "noexec"}, "/a/deep": {"rw", "nodev"}, "/ro": {"ro", "nodev"}}
    assert table(home / "mnt", home / "table.2") == []
    assert (home / "state/volumes/v/_data/file").read_text() == "mine\n"
    assert table(home / "mnt") == []


@pytest.mark.parametrize("option, value, thing, mend", [
    ("--routes", "kernel", '"kernel" is no way', "fuse or native"),
    ("--routes", "", '"" is no way', "fuse or native"),
    ("--tmpfs", "/t:native,nonative", "contradict", "one of them"),
    ("--tmpfs", "/t:native=true", 'unknown option "native=true"', "native"),
    ("-v", "v:/t:natives", 'unknown option "natives"', "native"),
    ("--mount", "type=tmpfs,target=/t,native=maybe", 'native: "maybe"', "true or false"),
    ("--mount", "type=tmpfs,target=/t,native,native", "native is given twice", "keep one")])
def test_wrong_words(scratch, option, value, thing, mend):
    result = run("mount", option, value, scratch)
    assert result.returncode == 2
    assert result.stderr.startswith(f"rofuse: {option}") and result.stderr.count("\n") == 1
    assert thing in result.stderr and mend in result.stderr
