"""`rofuse why`: which layers have a path and what hides it, and what is proposed for places that none declares."""

import os
import stat

import pytest

from why_asked import make_layer, why, why_offline, why_text_offline


@pytest.fixture
def stack(scratch, rofuse):
    """Three layers in which each form hides something."""
    bottom, middle, top = (scratch / name for name in ("bottom", "middle", "top"))
    for name in ("plain", "file", "device", "attribute", "opaque-file", "opaque-attribute", "both", "covered", "over", "twice"):
        (bottom / name).mkdir(parents=True)
        (bottom / name / "kept").write_text("bottom")
    (middle / "both").mkdir(parents=True)
    (middle / "both/kept").write_text("the middle's")
    top.mkdir()
    (top / ".wh.file").touch()
    os.mknod(top / "device", stat.S_IFCHR, os.makedev(0, 0))
    for name in ("attribute", "opaque-file", "opaque-attribute", "both"):
        (top / name).mkdir()
    os.setxattr(top / "attribute", "trusted.overlay.opaque", b"x")
    (top / "attribute/kept").touch()
    os.setxattr(top / "attribute/kept", "trusted.overlay.whiteout", b"y")
    (top / "opaque-file/.wh..wh..opq").touch()
    os.setxattr(top / "opaque-attribute", "user.overlay.opaque", b"y")
    (top / "covered").write_text("a file over a directory")
    (middle / "over").write_text("between directories")
    (top / "over").mkdir()
    for layer in (middle, top):
        (layer / "twice").mkdir()
    (middle / "twice/kept").touch()
    (middle / "twice/.wh..wh..opq").touch()
    (top / "twice/.wh.kept").touch()
    return rofuse(layers=[bottom, middle, top], tmpfs=["/plain/inner"])


@pytest.mark.parametrize("path, form, layer, at, attribute", [
    ("/file/kept", "whiteout-file", 2, "/file", None),
    ("/device/kept", "whiteout-device", 2, "/device", None),
    ("/attribute/kept", "whiteout-attribute", 2, "/attribute/kept", "trusted.overlay.whiteout"),
    ("/opaque-file/kept", "opaque-file", 2, "/opaque-file", None),
    ("/opaque-attribute/kept", "opaque-attribute", 2, "/opaque-attribute", "user.overlay.opaque"),
    ("/both/kept", "replaced", 1, "/both/kept", None),
    ("/covered/kept", "replaced", 2, "/covered", None),
    ("/over/kept", "replaced", 2, "/over", None),
    ("/twice/kept", "opaque-file", 1, "/twice", None),
])
def test_what_hides_what(stack, path, form, layer, at, attribute):
    answer = why(stack, path)
    found = [item for item in answer["layers"] if item["layer"] == 0]
    expected = {"form": form, "path": at, "layer": layer} | ({"attribute": attribute} if attribute else {})
    assert [item["hidden_by"] for item in found] == [expected]
    assert os.path.lexists(stack.path(path)) == answer["exists"] == (path == "/both/kept")


OPAQUE = "d/.wh..wh..opq"


@pytest.mark.parametrize("layers, path, hidden", [
    # A file, its whiteout, and a file again: without the topmost one, the lowest would still be hidden.
    ((["d/f"], ["d/.wh.f"], ["d/f"]), "/d/f", {0: ("whiteout-file", 1, "/d/f")}),
    ((["d/f"], ["d/.wh.f"], ["d/f"], ["d/f"]), "/d/f", {0: ("whiteout-file", 1, "/d/f"), 2: ("replaced", 3, "/d/f")}),
    ((["d/f"], ["d/f"], ["d/f"]), "/d/f", {0: ("replaced", 2, "/d/f"), 1: ("replaced", 2, "/d/f")}),
    ((["d/f"], ["d/f"], [".wh.d"], ["d/f"]), "/d/f", {0: ("whiteout-file", 2, "/d"), 1: ("whiteout-file", 2, "/d")}),
    # Opaque directories between layers, and under others; a whiteout under one.
    ((["d/f"], [OPAQUE], ["d/f"]), "/d/f", {0: ("opaque-file", 1, "/d")}),
    ((["d/f"], [OPAQUE, "d/f"], [OPAQUE, "d/f"]), "/d/f", {0: ("opaque-file", 1, "/d"), 1: ("opaque-file", 2, "/d")}),
    ((["d/f"], [OPAQUE], ["d"]), "/d/f", {0: ("opaque-file", 1, "/d")}),
    ((["d/f"], ["d/.wh.f"], [OPAQUE]), "/d/f", {0: ("whiteout-file", 1, "/d/f")}),
    ((["d/f"], [OPAQUE, "d/.wh.f"], ["d/f"]), "/d/f", {0: ("opaque-file", 1, "/d")}),
    # What is no directory in a hidden layer has nothing below it.
    ((["d/f"], ["d"], [".wh.d"], ["d/f"]), "/d/f", {0: ("whiteout-file", 2, "/d")}),
])
def test_the_nearest_mark_is_named(scratch, layers, path, hidden):
    """A layer that is hidden itself hides others all the same."""
    made = [make_layer(scratch / f"layer{i}", *names) for i, names in enumerate(layers)]
    found = {item["layer"]: item["hidden_by"] for item in why_offline(scratch, made, path)["layers"] if item["hidden_by"]}
    assert {number: (by["form"], by["layer"], by["path"]) for number, by in found.items()} == hidden


@pytest.mark.parametrize("path", ["/proc", "/proc/sys/x", "/sys", "/dev", "/dev/new", "/etc/hosts", "/etc/hostname",
                                  "/etc/resolv.conf"])
def test_what_runtimes_make_is_not_declared(scratch, path):
    layer = make_layer(scratch / "layer", "proc/", "sys/", "dev/", "etc/hosts", "etc/hostname", "etc/passwd")
    answer = why_offline(scratch, [layer], path)
    assert answer["declare"] == []
    message = [item["message"] for item in answer["verdicts"] if item["reason"] == "not-declared"][0]
    assert message == f"no declared place covers it, and {path} is made by the runtime, with or without a read-only root"


def test_what_is_near_to_what_runtimes_make(scratch):
    """/dev/shm is a place as others are, with what is below it."""
    layer = make_layer(scratch / "layer", "dev/shm/", "etc/hosts", "etc/passwd", "process/")
    for path, place in (("/dev/shm", "/dev/shm"), ("/dev/shm/x", "/dev/shm"), ("/etc/passwd", "/etc:tmpcopyup"),
                        ("/etc/hosts.allow", "/etc:tmpcopyup"), ("/process/x", "/process")):
        assert why_offline(scratch, [layer], path)["declare"][0] == f"--tmpfs {place}"


def test_proposals_can_be_pasted(scratch, rofuse):
    """Quoted for a shell where a person reads them; where options cannot say a name, there is none, as advise has it."""
    layer = make_layer(scratch / "layer", "we ird/f", "st*r/f", "a:b/f", "q'q/f")
    for directory in ("we ird", "st*r"):
        answer, text = why_offline(scratch, [layer], f"/{directory}/x"), why_text_offline(scratch, layer, f"/{directory}/x")
        assert answer["declare"] == [f"--tmpfs /{directory}:tmpcopyup", f"-v NAME:/{directory}"]
        said = f"no declared place covers it; --tmpfs '/{directory}:tmpcopyup' or -v 'NAME:/{directory}' would"
        assert answer["verdicts"][0]["message"] == said and said in text
    for directory in ("a:b", "q'q"):
        answer = why_offline(scratch, [layer], f"/{directory}/x")
        assert answer["declare"] == []
        assert answer["verdicts"][0]["message"].endswith("has characters that options cannot say")
    mount = rofuse(layers=[layer], tmpfs=["/we ird:ro"])
    assert "; --tmpfs '/we ird:noexec,nosuid,nodev' would let it be written" in why(mount, "/we ird/x")["verdicts"][0]["message"]


def test_a_loop_and_a_long_name(scratch):
    """What they are, in few lines."""
    layer = make_layer(scratch / "layer", "d/f")
    for link, target in (("a", "b"), ("b", "a"), ("d/self", "self"), *((f"l{i}", f"l{i + 1}") for i in range(45))):
        os.symlink(target, layer / link)
    for path, n_links in (("/a", 2), ("/d/self", 1), ("/a/below", 2)):
        answer, text = why_offline(scratch, [layer], path), why_text_offline(scratch, layer, path)
        assert (answer["verdicts"][0]["errno"], answer["verdicts"][0]["reason"]) == ("ELOOP", "link-loop")
        assert answer["verdicts"][0]["message"] == "a loop of symbolic links"
        assert sum(" -> " in line for line in text.splitlines()[1:]) == n_links, text
        assert "and so on, a loop\n" in text and "cannot be read" not in text
    text = why_text_offline(scratch, layer, "/l0")
    assert text.count("\n  links") == 1 and "more than 40 symbolic links" in text and "a loop" not in text
    for path, said in (("/d/" + "n" * 256, "it has a name that is longer than 255 bytes"),
                       ("/" + "d/" * 3000, "is longer than 4095 bytes")):
        found = why_offline(scratch, [layer], path)["verdicts"][0]
        assert (found["errno"], found["reason"]) == ("ENAMETOOLONG", "name-too-long") and found["message"].endswith(said)
    assert why_offline(scratch, [layer], "/d/" + "n" * 255)["verdicts"][0]["errno"] == "EROFS"


def test_layers_that_are_seen(stack):
    """All parts of a directory; nothing of a name that no layer has; and what a declared place covers."""
    assert [(item["layer"], item["hidden_by"]) for item in why(stack, "/both")["layers"]] == [(2, None), (1, None), (0, None)]
    assert why(stack, "/nothing")["layers"] == []
    assert why(stack, "/.wh.file")["layers"] == []
    assert [item["layer"] for item in why(stack, "/")["layers"]] == [2, 1, 0]
    assert [(item["layer"], item["type"]) for item in why(stack, "/over")["layers"]] == [(2, "directory"), (1, "file"),
                                                                                         (0, "directory")]


def test_place_over_a_layer(scratch, rofuse):
    (scratch / "layer/data").mkdir(parents=True)
    (scratch / "layer/data/file").write_text("x")
    mount = rofuse(layers=[scratch / "layer"], tmpfs=["/data"])
    assert why(mount, "/data/file")["layers"][0]["hidden_by"] == {"form": "route", "path": "/data"}
