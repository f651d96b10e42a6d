"""Keeps what is uploaded: POST / takes a body by way of a temporary file, GET / gives the last one back."""

import http.server
import os
import shutil
import tempfile

DATA = "/var/lib/uploads"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        with tempfile.NamedTemporaryFile() as upload:
            upload.write(self.rfile.read(int(self.headers["Content-Length"])))
            upload.flush()
            shutil.copyfile(upload.name, os.path.join(DATA, "last"))
        self.answer(b"kept\n")

    def do_GET(self):
        with open(os.path.join(DATA, "last"), "rb") as stream:
            self.answer(stream.read())

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


# At once, so that a missing one is found now and not by the first visitor.
tempfile.gettempdir()
with open(os.path.join(DATA, "last"), "a"):
    pass
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
