"""Folding: equal denials within the window are one record and one count; nothing is lost, nothing else is mixed in."""

import os
import shutil
import subprocess

import pytest
from denial_log import Log, accounted, call, validate


@pytest.fixture
def mount(rofuse, scratch):
    """mount(fold=…): the Log of a mount with one layer that has /etc and /opt."""
    logs = []
    layer = scratch / "layer"
    for name in ("etc", "opt"):
        (layer / name).mkdir(parents=True)

    def make(**kwargs):
        logs.append(Log(rofuse(layers=[layer], **kwargs)))
        return logs[-1]

    yield make
    for log in logs:
        log.mount.end()
        for event in log.mount.events()[:1000]:
            validate(event)


def repeat(log, path, times, run=os.mkdir):
    """The same denied call again and again in one process."""
    def work():
        denied = 0
        for _ in range(times):
            try:
                run(log.mount.path(path))
            except OSError:
                denied += 1
        return denied

    assert call(work).value == times


def ended(log):
    """Ends the daemon, which flushes every open window, and gives all events of the log but notices."""
    assert log.mount.end() == 0
    return [event for event in log.mount.events() if event["event"] != "notice"]


def fact(event):
    return event["operation"], event["path"], event["process"]["exe"]


def test_equal_denials_are_one_fact(mount):
    """A window that is longer than the test: the first at once, the count when the daemon ends."""
    log = mount(fold=3600)
    repeat(log, "/etc/new", 50)
    events = log.wait(lambda events: events)
    assert [event["event"] for event in events] == ["denied"]
    first, folded = ended(log)
    assert (first["event"], folded["event"]) == ("denied", "folded")
    assert folded["count"] == 50
    assert fact(first) == fact(folded)
    assert first["time"] <= folded["last"] and folded["first"] <= folded["last"]
    for key in ("operation", "path", "errno", "errno_number", "why", "held_by"):
        assert first[key] == folded[key], key


def test_one_denial_is_not_counted(mount):
    """What came once is one record and no count."""
    log = mount(fold=3600)
    repeat(log, "/etc/new", 1)
    events = ended(log)
    assert [event["event"] for event in events] == ["denied"]


def test_the_window_ends_by_itself(mount):
    log = mount(fold=1)
    repeat(log, "/etc/new", 30)
    events = log.wait(lambda events: accounted(events) == 30)
    assert sum(event["event"] == "folded" for event in events) >= 1
    repeat(log, "/etc/new", 1)
    log.wait(lambda events: events and accounted(events) == 1)
    assert accounted(ended(log)) == 31


def test_off(mount):
    log = mount(fold="off")
    repeat(log, "/etc/new", 50)
    records = log.take()
    assert len(records) == 50
    assert all(record["event"] == "denied" for record in records)
    assert len({record["time"] for record in records}) > 1


def test_facts_that_differ_stay_apart(mount, scratch):
    """Another path, another operation, another executable: each is a fact of its own."""
    log = mount(fold=3600)
    programs = []
    for name in ("one", "two"):
        programs.append(scratch / name)
        shutil.copy("/bin/mkdir", programs[-1])
    new, other = log.mount.path("/etc/new"), log.mount.path("/opt/new")
    for _ in range(3):
        for command in ([programs[0], new], [programs[1], new], [programs[0], other], ["/bin/ln", "-s", "x", new],
                        ["/bin/mkfifo", new]):
            assert subprocess.run(command, capture_output=True, check=False).returncode == 1
    events = ended(log)
    mkdir, link, fifo = (os.path.realpath(path) for path in (programs[0], "/bin/ln", "/bin/mkfifo"))
    expected = {("mkdir", "/etc/new", str(mkdir)), ("mkdir", "/etc/new", str(programs[1])),
                ("mkdir", "/opt/new", str(mkdir)), ("symlink", "/etc/new", link), ("mknod", "/etc/new", fifo)}
    assert {fact(event) for event in events if event["event"] == "denied"} == expected
    assert {fact(event) for event in events if event["event"] == "folded"} == expected
    assert len(events) == 2 * len(expected)
    assert {event["count"] for event in events if event["event"] == "folded"} == {3}


def test_processes_of_one_executable_fold(mount):
    """The same program started again and again, as a crash loop does, is one fact."""
    log = mount(fold=3600)
    for _ in range(20):
        subprocess.run(["/bin/mkdir", log.mount.path("/etc/new")], capture_output=True, check=False)
    first, folded = ended(log)
    assert (first["event"], folded["event"], folded["count"]) == ("denied", "folded", 20)


def test_many_facts_lose_no_count(mount):
    """More facts than any table holds: whatever is flushed early is counted all the same."""
    log = mount(fold=3600)
    total = 0
    for _ in range(2):
        def work():
            denied = 0
            for number in range(6000):
                try:
                    os.mkdir(log.mount.path(f"/etc/{number}"))
                except OSError:
                    denied += 1
            return denied
        total += call(work).value
    assert total == 12000
    assert accounted(ended(log)) == 12000


def test_the_names_in_the_schema():
    """The schema is strict: an unknown key, a missing one or a wrong type is refused."""
    from denial_log import validator
    good = {"schema": "rofuse.log/1", "event": "dropped", "time": "2024-01-01T00:00:00.000000000Z",
            "mount": "name", "dropped": 3}
    assert list(validator().iter_errors(good)) == []
    for bad in ({**good, "surprise": 1}, {**good, "dropped": "3"}, {**good, "event": "other"},
                {k: v for k, v in good.items() if k != "time"}, {**good, "schema": "rofuse.log/2"}):
        assert list(validator().iter_errors(bad)), bad
