"""Programs as people start them: how, how they are asked for something, and what a person would declare for them."""

import dataclasses
import http.client
import smtplib
import socket
from collections.abc import Callable

import fastcgi
from program_run import http_request

# Options that configure a program and are no matter of writing: of a scratch directory and a port.


def site(scratch, port):
    """nginx' site, from a file of the host."""
    path = scratch / "site.conf"
    path.write_text(f"server {{ listen 127.0.0.1:{port}; root /var/www/html; }}\n")
    return ["-v", f"{path}:/etc/nginx/conf.d/default.conf:ro"]


def templates(scratch, port):
    """Its site from a template, into which the entry point puts the port."""
    directory = scratch / "templates"
    directory.mkdir()
    (directory / "default.conf.template").write_text("server { listen 127.0.0.1:$PORT; root /var/www/html; }\n")
    return ["-v", f"{directory}:/etc/nginx/templates:ro", "-e", f"PORT={port}"]


def variable(name):
    return lambda scratch, port: ["-e", f"{name}={port}"]


# Requests: of a Play (test_advise.py). An OSError means that it does not listen yet, an AssertionError that it does not work.


def page(play):
    assert http_request(play.port, "GET", "/") == (200, b"nginx in an image\n")


def upload(play):
    assert http_request(play.port, "POST", "/", "a picture") == (200, b"kept\n")
    assert http_request(play.port, "GET", "/") == (200, b'"a picture"')


def visit(get):
    """Each visitor is told a number."""
    def ask(play):
        status, text = get(play.port)
        assert status == 200 and text.startswith(b"visit ") and text[len(b"visit "):].strip().isdigit(), text

    return ask


visit_page = visit(lambda port: http_request(port, "GET", "/"))
visit_php = visit(lambda port: fastcgi.get(port, "/srv/www/index.php"))


def save(play):
    """redis writes its data set."""
    with socket.create_connection(("127.0.0.1", play.port), timeout=60) as connection, connection.makefile("rw") as stream:
        for line, answer in (("PING", "+PONG"), ("SET a 1", "+OK"), ("SAVE", "+OK")):
            stream.write(line + "\r\n")
            stream.flush()
            said = stream.readline().strip()
            assert said == answer, f"{line}: {said}"


def shut_down(play):
    """redis: a signal would make it try to save once more, and stay where it cannot."""
    with socket.create_connection(("127.0.0.1", play.port), timeout=60) as connection:
        connection.sendall(b"SHUTDOWN NOSAVE\r\n")
        connection.recv(1)


def query(play):
    """A client of the same image asks."""
    if "ready to accept connections" not in play.running.output:
        raise BlockingIOError("it is being made")
    client = play.run("postgres", command=["psql", "-h", "127.0.0.1", "-p", play.port, "-tAc", "SELECT 40 + 2"])
    assert client.wait() == 0 and client.stdout == "42\n", client.output


def picture(play):
    """A visitor comes, and uploads a file."""
    visit_page(play)
    body = ('--end\r\nContent-Disposition: form-data; name="picture"; filename="a"\r\n\r\n' + 100000 * "x" + "\r\n--end--\r\n")
    connection = http.client.HTTPConnection("127.0.0.1", play.port, timeout=60)
    try:
        connection.request("POST", "/", body, {"Content-Type": "multipart/form-data; boundary=end"})
        assert connection.getresponse().read() == b"bytes 100000\n"
    finally:
        connection.close()


def mail(play):
    """A message is taken."""
    with smtplib.SMTP("127.0.0.1", play.port, timeout=60) as server:
        try:
            server.sendmail("root@localhost", "root@localhost", "Subject: hello\r\n\r\nhello\r\n")
        except smtplib.SMTPException as problem:
            raise AssertionError(problem) from None


@dataclasses.dataclass
class Program:
    """How it is started, asked and ended."""

    image: str  # as scripts/program-image names it
    expected: dict  # target: kind, all that a person would declare
    variables: frozenset = frozenset()  # and set
    configure: Callable = lambda scratch, port: []
    entrypoint: str | None = None
    command: tuple = ()  # {port} stands for the port
    ask: Callable | None = None
    said: str | None = None  # by one that ends by itself
    end: Callable | None = None
    by_rounds: bool = False  # also by run and advice in turn, as many times as it takes


DAEMON = ("nginx", "-g", "daemon off;")

PROGRAMS = {
    "nginx": Program(
        "nginx", {"/var/cache/nginx": "tmpfs", "/run": "tmpfs"},
        configure=site, entrypoint="entrypoint", command=DAEMON, ask=page, by_rounds=True),
    "nginx with templates": Program(
        "nginx", {"/etc/nginx/conf.d": "tmpfs", "/var/cache/nginx": "tmpfs", "/run": "tmpfs"},
        configure=templates, entrypoint="entrypoint", command=DAEMON, ask=page),
    "postgres": Program(
        "postgres", {"/var/lib/postgresql/data": "volume", "/run/postgresql": "tmpfs"},
        configure=variable("PGPORT"), ask=query, by_rounds=True),
    "redis": Program("redis", {"/data": "volume"}, command=("redis-server", "--port", "{port}"), ask=save, end=shut_down),
    "npm start": Program(
        "npm", {"/tmp": "tmpfs"}, variables=frozenset({"npm_config_cache"}), configure=variable("PORT"), ask=visit_page),
    "python": Program(
        "python", {"/tmp": "tmpfs", "/var/lib/uploads": "volume"}, configure=variable("PORT"), ask=upload, by_rounds=True),
    # Its lock, its log, the id of its process, the visitors' sessions; Debian's configuration names all four.
    "php-fpm": Program(
        "php", {"/tmp": "tmpfs", "/var/log": "tmpfs", "/run/php": "tmpfs", "/var/lib/php/sessions": "tmpfs"},
        configure=variable("PORT"), ask=visit_php),
    "a here-document": Program("script", {"/tmp": "tmpfs"}, command=("heredoc",), said="100001\nserved\n"),
    "sed -i": Program(
        "script", {"/srv/tool": "tmpfs"},
        configure=variable("PORT"), command=("settings",), said="# The tool's settings.\nport {port}\nname tool\nserved\n"),
    "a JVM": Program(
        "java", {"/tmp": "tmpfs", "/var/lib/counter": "volume"}, configure=variable("PORT"), ask=visit_page),
    # What Debian's image has in /run/apache2 and in the logs' directory is of no other use.
    "apache with PHP": Program(
        "apache", {"/var/log/apache2": "tmpfs", "/tmp": "tmpfs", "/run/apache2": "tmpfs", "/var/lib/php/sessions": "tmpfs"},
        configure=variable("PORT"), ask=picture),
    "exim": Program(
        "exim", {"/var/lib/exim4": "volume", "/var/log/exim4": "tmpfs", "/var/spool/exim4": "volume"},
        configure=variable("PORT"), ask=mail, by_rounds=True),
}
