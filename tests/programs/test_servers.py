"""nginx, redis and postgres from Debian: each fails on a read-only root as people report it (CASES.md), the log names the
path, and with what fixes it, it serves a request."""

import socket

import pytest
from program_run import free_port, http_request

# The time is that of other programs, and what they ask for is asked for by other tests too.
pytestmark = pytest.mark.slow


def refused(program):
    """(operation, path) of the denials, each once, in their order."""
    return list(dict.fromkeys((record["operation"], record["path"]) for record in program.records()))


class TestNginx:
    """CASES.md, row 1: a directory below /var/cache/nginx, then its pid file in /run."""

    def test_without_routes(self, run):
        nginx = run("nginx")
        assert nginx.wait() == 1
        assert 'mkdir() "/var/cache/nginx/client_temp" failed (30: Read-only file system)' in nginx.output
        assert refused(nginx) == [("mkdir", "/var/cache/nginx/client_temp")]
        assert "--tmpfs /var/cache/nginx" in nginx.output

    def test_one_place_is_not_enough(self, run, scratch):
        nginx = run("nginx", options=["--tmpfs", "/var/cache/nginx", *self.site(scratch, free_port())])
        assert nginx.wait() == 1
        assert 'open() "/run/nginx.pid" failed (30: Read-only file system)' in nginx.output
        assert refused(nginx) == [("create", "/run/nginx.pid")]

    def test_place_is_too_high(self, run):
        """An empty /var/cache hides the image's own directory: nothing is refused, and it fails all the same."""
        nginx = run("nginx", options=["--tmpfs", "/var/cache", "--tmpfs", "/run"])
        assert nginx.wait() == 1
        assert 'mkdir() "/var/cache/nginx/client_temp" failed (2: No such file or directory)' in nginx.output
        assert nginx.records() == []

    def test_with_the_fix(self, run, scratch):
        port = free_port()
        nginx = run("nginx", options=["--tmpfs", "/var/cache/nginx", "--tmpfs", "/run", *self.site(scratch, port)])
        assert nginx.until(lambda: http_request(port, "GET", "/"), "GET /") == (200, b"nginx in an image\n")
        # Its logs are its output.
        nginx.until(lambda: '"GET / HTTP/1.1" 200' in nginx.stdout or None, "the access log")
        assert nginx.end() == 0
        assert nginx.records() == []

    @staticmethod
    def site(scratch, port):
        """Its site, from a file of the host."""
        site = scratch / "site.conf"
        site.write_text(f"server {{ listen 127.0.0.1:{port}; root /var/www/html; }}\n")
        return ["-v", f"{site}:/etc/nginx/conf.d/default.conf:ro"]


def redis_says(port, *lines):
    """The answer, one line or more, to each command in redis' inline form."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection, connection.makefile("rw") as stream:
        answers = []
        for line in lines:
            stream.write(line + "\r\n")
            stream.flush()
            answers.append(stream.readline().strip())
        return answers


class TestRedis:
    """CASES.md, row 7: a sentinel rewrites its own configuration; and a server writes its data."""

    CONFIG = "/etc/redis/sentinel.conf"

    def sentinel(self, run, port, *routes):
        sentinel = run("redis", options=routes, command=["redis-sentinel", self.CONFIG, "--port", port])
        assert sentinel.until(lambda: redis_says(port, "PING"), "PING") == ["+PONG"]
        return sentinel

    def test_sentinel_without_routes(self, run):
        """It asks access(2), to which a FUSE file system cannot say no (README), and is refused when it writes."""
        port = free_port()
        sentinel = self.sentinel(run, port)
        assert redis_says(port, "SENTINEL FLUSHCONFIG")[0].startswith("-ERR Failed to save config file")
        sentinel.end()
        operations = {(record["operation"], record["path"].startswith(self.CONFIG), record["errno"])
                      for record in sentinel.records()}
        assert operations == {("create", True, "EROFS")}, sentinel.records()

    def test_sentinel_with_the_fix(self, run, scratch):
        port = free_port()
        sentinel = self.sentinel(run, port, "-v", "sentinel:/etc/redis")
        assert redis_says(port, "SENTINEL FLUSHCONFIG") == ["+OK"]
        assert sentinel.end() == 0
        assert "sentinel myid" in (scratch / "state/volumes/sentinel/_data/sentinel.conf").read_text()
        assert sentinel.records() == []

    def test_server_without_routes(self, run):
        port = free_port()
        server = run("redis", options=["--tmpfs", "/tmp"], command=["redis-server", "--port", port])
        assert server.until(lambda: redis_says(port, "PING", "SET a 1", "SAVE"), "SAVE") == ["+PONG", "+OK", "-ERR"]
        redis_says(port, "SHUTDOWN NOSAVE")  # a signal would make it try once more, and stay
        server.wait()
        (found,) = refused(server)
        assert found[0] == "create" and found[1].startswith("/data/temp-"), found

    def test_server_with_the_fix(self, run):
        """What was saved is there in the next run."""
        for commands, answers in ((["PING", "SET a 1", "SAVE"], ["+PONG", "+OK", "+OK"]), (["EXISTS a"], [":1"])):
            port = free_port()
            server = run("redis", options=["-v", "redis:/data"], command=["redis-server", "--port", port])
            assert server.until(lambda: redis_says(port, *commands), "commands") == answers  # noqa: B023
            assert server.end() == 0
            assert server.records() == []


class TestPostgres:
    """CASES.md, row 4: the lock of its socket, below /var/run, which is a link to /run."""

    DATA = ("-v", "pgdata:/var/lib/postgresql/data")  # made by the first run, kept for the next

    def test_without_routes(self, run):
        """Not even the database can be made."""
        postgres = run("postgres")
        assert postgres.wait() == 1
        assert refused(postgres)[0][1].startswith("/var/lib/postgresql/data"), postgres.records()

    def test_row_4_and_its_fix(self, run):
        """The place is declared by the path that people know; a client of the same image asks."""
        port = free_port()
        options = [*self.DATA, "-e", f"PGPORT={port}"]
        postgres = run("postgres", options=options)
        assert postgres.wait() == 1
        lock = f".s.PGSQL.{port}.lock"
        assert f'could not create lock file "/var/run/postgresql/{lock}": Read-only file system' in postgres.output
        assert refused(postgres)[-1] == ("create", f"/run/postgresql/{lock}")

        postgres = run("postgres", options=[*options, "--tmpfs", "/var/run/postgresql:mode=1777"])
        ask = ["psql", "-h", "127.0.0.1", "-p", port, "-tAc", "SELECT 40 + 2"]
        postgres.until(lambda: "ready to accept connections" in postgres.output or None, "it is ready")
        client = run("postgres", command=ask)
        assert client.wait() == 0, client.output
        assert client.stdout == "42\n"
        assert postgres.end() == 0
        assert client.records() == []
