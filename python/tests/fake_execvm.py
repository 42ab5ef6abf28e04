#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A stand-in for `execvm pipeline`: enough of it to try the package without the program.

It runs one stage after the other, all of them here whatever their runner is, but for void. FAKE in
the environment is JSON that makes it do what the program does not: {"report": TEXT, "status": N,
"signal": N, "stderr": TEXT}.
"""

import argparse
import base64
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
from types import SimpleNamespace

RUNNERS = ("vm", "docker", "local", "ssh", "slurm", "wrap", "void")
FIELDS = ("args", "commands", "files", "tag", "name")


def text(value):
    if isinstance(value, dict):
        return base64.urlsafe_b64decode(value["base64"])
    return value.encode()


def runner_of(node):
    runner = node.get("runner", "vm")
    return runner if isinstance(runner, str) else runner.get("runner", "vm")


def string(data):
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"base64": base64.urlsafe_b64encode(data).decode().rstrip("=")}


def words(element):
    """The argv of each command of a chain."""
    if isinstance(element, list):
        return [[text(w) for w in element]]
    if "args" in element:
        return [[text(w) for w in element["args"]]]
    return [argv for e in element["commands"] for argv in words(e)]


def run_command(node, data):
    out, err = b"", b""
    if runner_of(node) == "void":
        return 0, out, err, None
    env = {**os.environb, **{k.encode(): text(v) for k, v in node.get("env", {}).items()}}
    cwd = text(node["cwd"]) if "cwd" in node else None
    for argv in words(node):
        try:
            it = subprocess.Popen(
                argv,
                stdin=None if data is None else subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=env,
                cwd=cwd,
            )
        except OSError as e:
            return 127 if isinstance(e, FileNotFoundError) else 126, out, err, e.strerror
        signal.signal(signal.SIGTERM, lambda *_: it.kill())
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        more = it.communicate(data)
        data = b"" if data is not None else None
        out, err = out + more[0], err + more[1]
        if it.returncode:
            return (it.returncode if it.returncode > 0 else 128 - it.returncode), out, err, None
    return 0, out, err, None


def run_tar(node):
    mode = {None: "w", "none": "w", "gzip": "w:gz", "bzip2": "w:bz2", "xz": "w:xz"}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode[node.get("compression")]) as archive:
        for name in node["files"]:
            archive.add(os.fsdecode(text(name)))
    return 0, out.getvalue(), b"", None


def stage(node, data, ok):
    if "files" in node:
        return run_tar(node)
    if "name" in node:
        if not ok:
            return None, b"", b"", None
        data = sys.stdin.buffer.read() if data is None else data
        with open(text(node["name"]), "wb") as file:
            file.write(data)
        return 0, data, b"", None
    return run_command(node, data)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tool", choices=["pipeline"])
    parser.add_argument("--report")
    parser.add_argument("--stderr-tail")
    parser.add_argument("file")
    args = parser.parse_args()
    fake = SimpleNamespace(**json.loads(os.environ.get("FAKE", "{}")))

    nodes = []
    with open(args.file) as file:
        nodes.append(json.load(file))
    while "output" in nodes[-1]:
        nodes.append(nodes[-1]["output"])
    for node in nodes:
        if runner_of(node) not in RUNNERS:
            why = f"no runner '{runner_of(node)}'"
            print(f"execvm pipeline: {why}", file=sys.stderr)
            with open(args.report, "w") as file:
                file.write(json.dumps({"stage": None, "error": why}) + "\n")
            return 125
    if hasattr(fake, "stderr"):
        sys.stderr.write(fake.stderr)
    if hasattr(fake, "report"):
        with open(args.report, "w") as file:
            file.write(fake.report)
    if hasattr(fake, "signal"):
        os.kill(os.getpid(), fake.signal)
    if hasattr(fake, "status"):
        return fake.status

    data, status, lines = None, 0, []
    for index, node in enumerate(nodes):
        code, data, err, error = stage(node, data, status == 0)
        sys.stderr.buffer.write(err)
        sys.stderr.flush()
        line = {"stage": index, "type": node["type"], "status": code, "failed": bool(code)}
        if "args" in node or "commands" in node:
            line["runner"] = runner_of(node)
            line["args"] = [string(w) for argv in words(node) for w in argv]
        else:
            line.update({f: node[f] for f in FIELDS if f in node})
        line.update({"bytes": len(data), "ms": 0, "error": error, "stderr": string(err[-4096:])})
        lines.append(json.dumps(line) + "\n")
        status = code or status
    if "name" in nodes[-1]:
        data = b""
    sys.stdout.buffer.write(data)
    with open(args.report, "w") as file:
        file.writelines(lines)
    return status


if __name__ == "__main__":
    sys.exit(main())
