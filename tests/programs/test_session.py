"""A person's session with nginx: from a program that fails on a read-only root to a declaration with which it works, by
rofuse's own commands alone.

Its transcript stands in README.md between two marks, and must be what the commands say today. To write it anew:

    ROFUSE_WRITE_TRANSCRIPT=1 python3 -m pytest tests/programs/test_session.py

Times, pids and digests are replaced by fixed ones in it, and what nginx says while all is well by "...".
"""

import difflib
import json
import os

import pytest
import rofuse_test
import session as sessions
import yaml

README = rofuse_test.ROOT / "README.md"
MARKS = ("<!-- the transcript of tests/programs/test_session.py -->\n", "<!-- end of the transcript -->\n")
COMPOSE = """\
services:
  web:
    image: web:1.0
    read_only: true        # nothing but what is declared
"""
START = "nginx -g 'daemon off;'"
SERVED = "nginx in an image\n"


def served(output):
    return output == SERVED


def compose_of(session):
    return yaml.safe_load((session.directory / "compose.yaml").read_text())["services"]["web"]


def it_fails(session):
    session.transcript.say("A service whose image was made for a root that can be written:")
    session.host.type("cat compose.yaml")
    said = session.host.type("rofuse run web", status=1)
    assert 'mkdir() "/var/cache/nginx/client_temp" failed (30: Read-only file system)' in said
    assert "rofuse: web: one write was refused\n" in said


def try_in_a_container(session):
    session.transcript.say("A shell in its container (`#`), in another terminal, to try it until it works:")
    container = session.container("rofuse", "run", "--report", "none", "--entrypoint", "sh", "web")
    assert "/var/cache/nginx/client_temp" in container.type(START)
    return container


def see(session):
    session.transcript.say("Who was refused what, what that meant to it, and why:")
    assert "mkdir /var/cache/nginx/client_temp EROFS /usr/sbin/nginx" in session.host.type_until(
        "rofuse log web", lambda text: "EROFS" in text)
    assert "nginx exited with status 1" in session.host.type_until("rofuse facts web", lambda text: text.startswith("fatal "))
    assert "no declared place covers it" in session.host.type("rofuse why web /var/cache/nginx")


def declare_at_once(session, container):
    session.transcript.say("A place is added while the container runs. The next try comes further, to the next place:")
    session.host.type("rofuse route add web --tmpfs /var/cache/nginx")
    routes = json.loads(session.host.quietly("rofuse route ls web --json")[1])["routes"]
    assert [route["target"] for route in routes] == ["/var/cache/nginx"]
    said = container.type(START)
    assert 'open() "/run/nginx.pid" failed (30: Read-only file system)' in said and "/var/cache" not in said


def the_gate_is_shut(session):
    """Not told: a baseline without places lacks both that were refused by now."""
    (session.directory / "none.json").write_text('{"schema": "rofuse.baseline/1", "places": []}\n')
    status, said = session.host.quietly("rofuse gate web --baseline none.json")
    assert status == 3
    assert said.startswith("new   /run/nginx.pid  /usr/sbin/nginx: not-declared\n"
                           "new   /var/cache/nginx/client_temp  /usr/sbin/nginx: not-declared\n"
                           "2 new, 0 gone, 0 in the baseline\n"
                           "mend: "), said


def learn(session, container):
    session.transcript.say("So that not each place costs a try, learn mode lets all writes succeed for a while, on a layer that "
                           "is thrown away:")
    session.host.type("rofuse learn on web")
    container.start(START)
    session.host.type_until("curl -s localhost:8080", served)
    assert "/run/nginx.pid" in session.host.type("rofuse learn diff web")


def advise(session):
    session.transcript.say("What is to be declared, and what is not, with the reasons; the Compose file is changed, and keeps its "
                           "comments:")
    said = session.host.type_until("rofuse advise web", lambda text: "2 calls" in text)
    assert said.startswith("web: declare --tmpfs /run:size=16m,mode=0755\n")
    session.host.type("rofuse advise web --merge compose.yaml --write")
    session.host.type("cat compose.yaml")
    assert compose_of(session)["tmpfs"] == ["/var/cache/nginx:size=16m,mode=0755", "/run:size=16m,mode=0755"]
    assert "# nothing but what is declared" in (session.directory / "compose.yaml").read_text()


def leave(session, container):
    session.transcript.say("The layer is thrown away, and the container ends:")
    container.interrupt()
    session.host.type("rofuse learn off web")
    container.leave()
    assert session.host.quietly("rofuse status")[1] == "no mounts\n"


def it_works(session):
    session.transcript.say("With that file the service works as it stands:")
    session.host.type("rofuse run web >> web.out 2>&1 &")
    session.host.type_until("curl -s localhost:8080", served)
    assert session.host.type("rofuse advise web") == "web: nothing to declare\n"


def keep_it_so(session):
    session.transcript.say("Is it as narrow as it can be? And for CI: the places that are known, so that a new one fails the build:")
    assert session.host.type("rofuse audit web") == "web: nothing to find fault with\n"
    assert session.host.type("rofuse audit --compose compose.yaml") == "web: nothing to find fault with\n"
    session.host.type("rofuse gate web --baseline baseline.json --update")
    session.host.type("rofuse gate web --baseline baseline.json")
    session.host.type("kill %1; wait %1; tail -n 1 web.out")


def in_readme(transcript):
    """README.md as it is, and as it should be."""
    text = README.read_text()
    assert [text.count(mark) for mark in MARKS] == [1, 1]
    before, _, rest = text.partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    return text, f"{before}{MARKS[0]}\n{transcript}\n\n{MARKS[1]}{after}"


def test_from_failing_to_working(scratch, images, reference):
    image = reference("nginx")
    with sessions.session(scratch, images) as session:
        (session.directory / "compose.yaml").write_text(COMPOSE)
        status, said = session.host.quietly(f"rofuse image import {image} --name web:1.0")
        assert status == 0, said
        it_fails(session)
        container = try_in_a_container(session)
        see(session)
        declare_at_once(session, container)
        the_gate_is_shut(session)
        learn(session, container)
        advise(session)
        leave(session, container)
        it_works(session)
        keep_it_so(session)
    is_now, should_be = in_readme(session.transcript)
    if os.environ.get("ROFUSE_WRITE_TRANSCRIPT"):
        README.write_text(should_be)
        return
    diff = difflib.unified_diff(is_now.splitlines(True), should_be.splitlines(True), "README.md", "what the commands say")
    if is_now != should_be:
        pytest.fail("ROFUSE_WRITE_TRANSCRIPT=1 writes it anew:\n" + "".join(diff), pytrace=False)
