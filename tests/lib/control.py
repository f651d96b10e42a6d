"""A client of the control socket that can also misbehave."""

import json
import pathlib
import socket

import jsonschema
import rofuse_test

SCHEMA = json.loads((rofuse_test.ROOT / "src" / "control" / "control.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


class Control:
    """A connection to a mount's daemon; every line of it is checked against the schema."""

    def __init__(self, mount, name=None):
        self.path = pathlib.Path(mount.state) / "run" / f"{name or mount.point.name}.sock"
        rofuse_test.wait_until(self.path.exists, "the control socket")
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(str(self.path))
        self.stream = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.stream.close()
        self.socket.close()

    def send(self, raw):
        self.socket.sendall(raw)

    def line(self):
        """The next line, or None at the end of the connection."""
        try:
            raw = self.stream.readline()
        except ConnectionResetError:
            return None
        if not raw:
            return None
        answer = json.loads(raw)
        VALIDATOR.validate(answer)
        return answer

    def ask(self, command, **args):
        """The answer to a request, whole."""
        self.send(json.dumps({"v": 1, "do": command, "args": args}).encode() + b"\n")
        return self.line()

    def result(self, command, **args):
        """The result of a request that works."""
        answer = self.ask(command, **args)
        assert answer["ok"], answer
        return answer["result"]

    def events(self):
        """What a command that follows sends, until it ends."""
        while (line := self.line()) is not None and "end" not in line:
            yield line["event"]
