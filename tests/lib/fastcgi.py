"""A request to a FastCGI server (PHP-FPM) on loopback: as much of the protocol as a GET needs."""

import socket
import struct

VERSION, BEGIN, END, PARAMS, STDIN, STDOUT, STDERR = 1, 1, 3, 4, 5, 6, 7
HEADER = struct.Struct("!BBHHBx")
RESPONDER = struct.pack("!HB5x", 1, 0)
REQUEST = 1


def _record(kind, content):
    return HEADER.pack(VERSION, kind, REQUEST, len(content), 0) + content


def _pair(name, value):
    """A name and a value, each with its length before both."""
    words = [word.encode() for word in (name, value)]
    sizes = [struct.pack("!B", len(word)) if len(word) < 128 else struct.pack("!I", len(word) | 1 << 31) for word in words]
    return b"".join(sizes + words)


def _read(stream, size):
    data = stream.read(size)
    if len(data) != size:
        raise ConnectionError("the FastCGI server has closed the connection")
    return data


def get(port, script, path="/"):
    """(status, body) of a GET that a script of the server answers."""
    params = {"SCRIPT_FILENAME": script, "SCRIPT_NAME": path, "REQUEST_URI": path, "REQUEST_METHOD": "GET",
              "SERVER_PROTOCOL": "HTTP/1.1", "GATEWAY_INTERFACE": "CGI/1.1", "QUERY_STRING": ""}
    request = _record(BEGIN, RESPONDER) + _record(PARAMS, b"".join(_pair(*pair) for pair in params.items()))
    request += _record(PARAMS, b"") + _record(STDIN, b"")
    said, complaints = b"", b""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection, connection.makefile("rb") as stream:
        connection.sendall(request)
        kind = None
        while kind != END:
            _, kind, _, size, padding = HEADER.unpack(_read(stream, HEADER.size))
            content = _read(stream, size + padding)[:size]
            said += content if kind == STDOUT else b""
            complaints += content if kind == STDERR else b""
    head, _, body = said.partition(b"\r\n\r\n")
    fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n") if b": " in line)
    return int(fields.get(b"Status", b"200").split()[0]), body + complaints
