"""What cannot be added or removed while a mount is used, and what is undone: all or none."""

import contextlib
import errno
import os
import subprocess

import live_commands
import pytest
from live_commands import IMAGE, add, command, remove, standing_in, targets, walk


@pytest.fixture
def layer(scratch):
    return live_commands.make_layer(scratch)


@pytest.fixture
def mount(rofuse, layer):
    return rofuse(layers=[layer])


@pytest.mark.parametrize("words, status, said", [
    (["add"], 2, "say what to add"),
    (["add", "--tmpfs", "data"], 2, "absolute"),
    (["add", "--tmpfs", "/"], 2, "root"),
    (["add", "--tmpfs", "/app/data/file/x"], 2, "is a file"),
    (["add", "--mount", "type=tmpfs,target=/x,native"], 1, "running containers would not see"),
    (["add", "--tmpfs", "/x", "--mount", "type=bind,source=/none/such,target=/y"], 2, "/none/such"),
    (["add", "--mount", "type=bind,source=/none/such,target=/x/on/the/way"], 2, "/none/such"),
    (["add", "-v", "{mount}/etc:/x"], 2, "lies in this mount"),
    (["add", "-v", "{mount}/..:/x"], 2, "lies this mount itself, at {mount}; bind"),
    (["add", "--tmpfs", "/x", "-v", "/:/y:ro"], 2, "lies this mount itself, at {mount}; bind"),
    (["rm", "/nothing"], 2, "no route is declared there"),
    (["rm", "relative"], 2, "absolute path"),
    (["add", "--tmpfs", "/x", "--tmpfs", "/y", "-v", "v:/y/"], 2, "declared"),
    (["ls", "more"], 2, "one mount point"),
])
def test_what_cannot_be_done(mount, words, status, said):
    assert said.format(mount=mount.point) in command(mount, *[word.format(mount=mount.point) for word in words], status=status)
    assert targets(mount) == [] and not mount.path("x").exists()


def test_a_second_place_at_one_target(mount):
    add(mount, "--tmpfs", "/run")
    for words in (["--tmpfs", "/run"], ["-v", "v:/var/run"]):
        assert "the same place as /run, which is declared already; keep one" in add(mount, *words, status=2)
    assert targets(mount) == ["/run"]


def test_none_is_removed_where_one_is_not_declared(mount):
    add(mount, "--tmpfs", "/run", "--tmpfs", "/app/data")
    assert "/none: no route is declared there" in remove(mount, "/app/data", "/none", "/run", status=2)
    assert targets(mount) == ["/app/data", "/run"]
    remove(mount, "/run", "/app/data")
    assert targets(mount) == []


def test_none_is_removed_where_the_rest_cannot_be_written_down(rofuse, scratch, layer):
    """What the state's file says is what config --live and the next umount see."""
    small = scratch / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", small], check=True)
    try:
        mount = rofuse(layers=[layer], tmpfs=["/run"], start=False)
        mount.state = mount.args[mount.args.index("--state-dir") + 1] = small / "state"
        mount.start()
        with contextlib.suppress(OSError), open(small / "fill", "wb", buffering=0) as fill:
            while fill.write(b"x" * 4096) == 4096:
                pass
        told = remove(mount, "/run", status=1)
        assert "No space left" in told and f"make room in {small}/state/run" in told and "--state-dir" not in told
        assert targets(mount) == ["/run"]
        (small / "fill").unlink()
        remove(mount, "/run")
        assert targets(mount) == []
        mount.end()
    finally:
        subprocess.run(["umount", "-l", small], check=True)


@pytest.mark.parametrize("inner", ["/app/data/sub", "/app/data/new/deeper"])
@pytest.mark.parametrize("outer", ["/app/data", "/app"])
def test_what_is_added_above_a_route_is_undone(mount, outer, inner):
    add(mount, f"--tmpfs={inner}")
    place = mount.path(inner[1:])
    (place / "file").write_text("inner")
    number = os.stat(place).st_ino
    with standing_in(place) as process, open(place / "file") as file:
        add(mount, f"--tmpfs={outer}", "--mount=type=bind,source=/nowhere,target=/zz", status=2)
        assert targets(mount) == [inner]
        with pytest.raises(OSError) as error:
            mount.path(outer[1:] + "/x").touch()
        assert error.value.errno == errno.EROFS
        assert os.listdir(place) == ["file"] and os.stat(place).st_ino == number and file.read() == "inner"
        assert os.listdir(f"/proc/{process.pid}/cwd") == ["file"]
        (place / "other").write_text("")
    assert IMAGE <= set(os.listdir(mount.path("app/data")))
    walk(mount.point)
    remove(mount, inner)
    assert set(os.listdir(mount.path("app/data"))) - IMAGE <= {"new"}
    walk(mount.point)
    add(mount, f"--tmpfs={outer}")
    mount.path(outer[1:] + "/x").touch()


def test_of_what_is_undone_no_volume_is_left(mount):
    add(mount, "--volume=kept:/app/data/sub")
    volumes = mount.state / "volumes"
    add(mount, "--volume=/app/data", "--mount=type=bind,source=/nowhere,target=/zz", status=2)
    assert os.listdir(volumes) == ["kept"]
    add(mount, "--volume=/app/data")
    assert len(os.listdir(volumes)) == 2
