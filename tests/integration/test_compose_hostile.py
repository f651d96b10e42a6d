"""Compose files that are meant to hurt, or are no Compose files: refused at once, with the place."""

import os

import pytest
from compose_config import config, refused, write


@pytest.fixture
def shop(scratch):
    directory = scratch / "shop"
    directory.mkdir()
    return directory


def laughs(levels, width):
    lines = ["a0: &a0 ha"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * width)}]" for n in range(1, levels)]
    return "\n".join(lines) + "\n"


HOSTILE = {
    "laughs": (laughs(10, 10), "compose.yaml:6:", "more than 100000 values"),
    "laughs in merge keys": ("a0: &a0 {k: v}\n" + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}], k{n}: *a{n - 1}}}\n"
                                                          for n in range(1, 30)), "compose.yaml:", "more than 100000 values"),
    "one anchor, many aliases": ("a: &a [" + "x," * 1000 + "]\nb: [" + "*a," * 1000 + "]\n", "compose.yaml:2:",
                                 "more than 100000 values"),
    "deep flow": ("a: " + "[" * 100000, "compose.yaml:1:35:", "32 levels"),
    "deep block": ("\n".join(" " * n + "a:" for n in range(1000)), "compose.yaml:33:33:", "32 levels"),
    "deep sequence": ("- " * 100000, "compose.yaml:1:65:", "32 levels"),
    "in itself": ("a: &a {b: *a}", "compose.yaml:1:11:", "stands inside of what"),
    "many values": ("a: [" + "1," * 200000 + "]", "compose.yaml:1:", "more than 100000 values"),
    "many keys": ("a:\n" + "".join(f" k{n}: v\n" for n in range(60000)), "compose.yaml:", "more than 100000 values"),
    "same key": ("services:\n  a: {}\n  a: {}\n", "compose.yaml:3:3:", "key a is there already"),
    "NUL": ('services: {a: {image: "\\0"}}', "compose.yaml:1:23:", "NUL"),
    "NUL bytes": (b"services:\0", "compose.yaml:1:10:", "not YAML"),
    "no UTF-8": (b"services:\n  a: {image: \xc3\x28}", "compose.yaml:2:15:", "not YAML"),
    "an ELF file": (b"\x7fELF\x02\x01\x01" + bytes(500), "compose.yaml:1:1:", "not YAML"),
    "nothing": ("", "compose.yaml:1:1:", "says nothing"),
    "tabs": ("services:\n\ta: {}\n", "compose.yaml:2:1:", "blanks, not with tabs"),
    "a terminal's escape": ('services: {a: {"\\e[31m": x}}', "compose.yaml:1:16:", "\\x1b[31m"),
    "two documents": ("services: {a: {}}\n---\nservices: {b: {}}\n", "compose.yaml:2:1:", "second document"),
    "nested variables": ("services: {a: {image: '" + "${A:-" * 1000 + "}" * 1000 + "'}}", "compose.yaml:1:23:",
                         "nested too deep"),
    "many volumes": ("services: {a: {volumes: [" + ",".join(f"/{n}" for n in range(40000)) + "]}}", "compose.yaml:1:25:",
                     "more than 1000 entries"),
    "many secrets": ("services: {a: {configs: [" + ",".join(f"c{n}" for n in range(40000)) + "]}}", "compose.yaml:1:25:",
                     "more than 1000 configs"),
    "long variables": ("services: {a: {environment: [" + "'$LONG'," * 20000 + "]}}", "compose.yaml:1:", "more than 16777216"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(shop, name):
    text, place, words = HOSTILE[name]
    write(shop, {"compose.yaml": text})
    line = refused(shop, env={"LONG": "x" * 1000})
    assert line.startswith(place) and words in line, line


def test_files_that_are_none(shop):
    os.mkfifo(shop / "compose.yaml")
    assert refused(shop, status=1).endswith("compose.yaml: it is no regular file; copy what it gives into one")
    assert refused(shop, "--compose", "/dev/zero", status=1) == "/dev/zero: it is no regular file; copy what it gives into one"
    assert "it is a directory" in refused(shop, "--compose", ".", status=1)
    write(shop, {"large.yaml": "#" * (1024 * 1024 + 1)})
    assert "more than 1048576 bytes" in refused(shop, "--compose", "large.yaml", status=1)
    write(shop, {"e.yaml": "services: {a: {env_file: /dev/zero}}"})
    assert refused(shop, "--compose", "e.yaml", status=1) == ("e.yaml:1:26: services.a.env_file: /dev/zero: "
                                                              "it is no regular file; copy what it gives into one")


def test_many_files_of_extends(shop):
    write(shop, {f"s{n}.yaml": f"services: {{a: {{extends: {{file: s{n + 1}.yaml, service: a}}}}}}" for n in range(40)})
    assert "one service too many" in refused(shop, "--compose", "s0.yaml")


def test_large_but_fair(shop):
    """A file of many services is no bomb."""
    text = "x-e: &e {A: 1, B: 2, C: 3}\nservices:\n"
    text += "".join(f"  s{n}: {{image: 'i:{n}', environment: *e, volumes: ['d:/d']}}\n" for n in range(4000))
    write(shop, {"compose.yaml": text + "volumes: {d: }\n"})
    assert config(shop, "--service", "s3999")["image"] == "i:3999"
