"""Layers on which learn mode is tried, and its commands."""

import json
import os
import subprocess

import every_operation
import jsonschema
import rofuse_test

VALIDATOR = jsonschema.Draft202012Validator(json.loads((rofuse_test.ROOT / "src" / "daemon" / "learn.schema.json").read_text()))


def make_layers(scratch):
    """Two layers, a file in both, links, a directory that is in both."""
    bottom, top = scratch / "bottom", scratch / "top"
    for name in ("bin", "etc", "opt/gone/sub", "run", "srv", "tmp", "usr/share/doc", "var"):
        (bottom / name).mkdir(parents=True)
    (top / "etc").mkdir(parents=True)
    (top / "usr/share/doc").mkdir(parents=True)
    (bottom / "tmp").chmod(0o1777)
    for name, text in {"etc/passwd": "root:x:0:0\n", "etc/shadow": "secret\n", "etc/hosts.allow": "", "etc/linked": "links\n",
                       "etc/motd": "hello\n", "etc/rare": "rare\n", "etc/issue": "issue\n", "opt/gone/sub/file": "gone\n",
                       "usr/share/doc/old": "old\n", "usr/share/doc/kept": "kept\n", "var/data": "0123456789\n",
                       "bin/tool": "#!/bin/sh\necho tool\n"}.items():
        (bottom / name).write_text(text)
    (bottom / "bin/tool").chmod(0o755)
    every_operation.prepare(bottom)
    os.link(bottom / "etc/linked", bottom / "etc/second")
    os.link(bottom / "etc/linked", bottom / "usr/share/third")
    os.chown(bottom / "etc/motd", 1000, 1000)
    (top / "etc/passwd").write_text("root:x:0:0:of the top layer\n")
    (top / "usr/share/doc/top").write_text("top\n")
    return [bottom, top]


def rofuse_command(mount, *words, status=0):
    result = subprocess.run([rofuse_test.BINARY, *words, "--state-dir", str(mount.state)], capture_output=True, text=True,
                            check=False, timeout=60)
    assert result.returncode == status, result.stderr
    return result.stdout if status == 0 else result.stderr


def diff(mount):
    answer = json.loads(rofuse_command(mount, "learn", "diff", "--json"))
    problems = [f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in VALIDATOR.iter_errors(answer)]
    assert not problems, f"{answer}: {problems}"
    return answer
