"""Ten programs as people start them: how, how to ask them for something, and what a person would declare for them."""

import dataclasses
import pathlib
import shutil
import socket

import fastcgi
import rofuse_test
from program_run import http_request

PROGRAMS = rofuse_test.ROOT / "tests" / "programs"


def http(path, expected, body=None):
    """Asks for a path; the answer is known. With a body: it is sent first."""
    def ask(_, port):
        if body is not None:
            assert http_request(port, "POST", path, body) == (200, b"kept\n")
        assert http_request(port, "GET", path) == (200, expected)
        return True

    return ask


def visit(ask):
    """The n-th visitor is told so; each run of a test makes visitors of its own."""
    def check(_, port):
        status, text = ask(port)
        assert status == 200, text
        assert text.startswith(b"visit ") and text[6:].strip().isdigit(), text
        return True

    return check


def redis(_, port):
    """SAVE: the data set is written."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection, connection.makefile("rw") as stream:
        for line, answer in (("PING", "+PONG"), ("SET a 1", "+OK"), ("SAVE", "+OK")):
            stream.write(line + "\r\n")
            stream.flush()
            said = stream.readline().strip()
            assert said == answer, f"{line}: {said}"
    return True


def redis_ends(_, port):
    """A signal would make it try to save once more, and stay where it cannot."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(b"SHUTDOWN NOSAVE\r\n")
        connection.recv(1)


def postgres(start, port):
    """A client of the same image."""
    client = start(command=["psql", "-h", "127.0.0.1", "-p", port, "-tAc", "SELECT 40 + 2"])
    if client.wait() != 0:
        raise ConnectionError(client.output)
    assert client.stdout == "42\n"
    return True


def site(scratch, port):
    """nginx' site, from a file of the host."""
    path = scratch / "site.conf"
    path.write_text(f"server {{ listen 127.0.0.1:{port}; root /var/www/html; }}\n")
    return ["-v", f"{path}:/etc/nginx/conf.d/default.conf:ro"]


def templates(scratch, port):
    """Its site from a template; the entry point puts the port in."""
    directory = scratch / "templates"
    if not directory.is_dir():
        directory.mkdir()
        (directory / "default.conf.template").write_text("server { listen 127.0.0.1:$PORT; root /var/www/html; }\n")
    return ["-v", f"{directory}:/etc/nginx/templates:ro", "-e", f"PORT={port}"]


def by_port(name="PORT"):
    return lambda scratch, port: ["-e", f"{name}={port}"]


@dataclasses.dataclass
class Program:
    """image: as scripts/program-image names it. configure(scratch, port): options that are no matter of writing. command: {port}
    stands for the port. ask(start, port): true when it has served; an OSError means that it does not yet. expected: target:
    kind, all that a person would declare; served: what a program says that ends by itself."""

    image: str
    expected: dict
    configure: object = lambda scratch, port: []
    entrypoint: str = None
    command: tuple = ()
    ask: object = None
    served: str = None
    end: object = None
    by_rounds: bool = False


WELCOME = b"nginx in an image\n"
DAEMON = ("nginx", "-g", "daemon off;")

TEN = {
    "nginx": Program("nginx", {"/var/cache/nginx": "tmpfs", "/run": "tmpfs"}, site, "entrypoint", DAEMON,
                     http("/", WELCOME), by_rounds=True),
    "nginx with templates": Program(
        "nginx", {"/etc/nginx/conf.d": "tmpfs", "/var/cache/nginx": "tmpfs", "/run": "tmpfs"}, templates, "entrypoint", DAEMON,
        http("/", WELCOME)),
    "postgres": Program("postgres", {"/var/lib/postgresql/data": "volume", "/run/postgresql": "tmpfs"}, by_port("PGPORT"),
                        ask=postgres, by_rounds=True),
    "redis": Program("redis", {"/data": "volume"}, command=("redis-server", "--port", "{port}"), ask=redis, end=redis_ends),
    "npm start": Program("npm", {"/tmp": "tmpfs"}, by_port(),
                         ask=visit(lambda port: http_request(port, "GET", "/"))),
    "python": Program("python", {"/tmp": "tmpfs", "/var/lib/uploads": "volume"}, by_port(),
                      ask=http("/", b'"a picture"', "a picture"), by_rounds=True),
    "php-fpm": Program("php", {"/run/php": "tmpfs", "/var/lib/php/sessions": "tmpfs", "/tmp": "tmpfs"}, by_port(),
                       ask=visit(lambda port: fastcgi.get(port, "/srv/www/index.php"))),
    "a here-document": Program("script", {"/tmp": "tmpfs"}, command=("heredoc",), served="100001 \nserved\n"),
    "sed -i": Program("script", {"/srv/tool": "volume"}, by_port(), command=("settings",), served="served\n"),
    "a JVM": Program("java", {"/tmp": "tmpfs", "/var/lib/counter": "volume"}, by_port(),
                     ask=visit(lambda port: http_request(port, "GET", "/"))),
}
