# SPDX-License-Identifier: MIT
"""Calling the program: JSON by a file in memory, the report by a file in a directory of its own.

Not by pipes: a report may be longer than a pipe holds, and its end would be the end of the last
process that has the pipe.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile

from .errors import ExecvmError
from .result import Result, read_report, signal_name, status_text

_STDERR_TAIL = "4K"
_FAILED = 125


def find_program() -> str:
    named = os.environ.get("EXECVM")
    program = shutil.which(named or "execvm")
    if program is not None:
        return program
    if named:
        raise ExecvmError(f"{named}: no such program; the environment variable EXECVM names it")
    path = os.environ.get("PATH", os.defpath)
    raise ExecvmError(f"execvm: no such program: EXECVM is not set, and it is not in PATH ({path})")


def execute(document: bytes, count: int, data: bytes | None) -> Result:
    """Runs a document of `count` stages."""
    program = find_program()
    with os.fdopen(os.memfd_create("execvm-pipeline"), "wb") as file:
        file.write(document)
        file.flush()
        file.seek(0)
        with tempfile.TemporaryDirectory(prefix="execvm-") as directory:
            report = os.path.join(directory, "report")
            options = ["--report", report, "--stderr-tail", _STDERR_TAIL]
            status, stdout = _call(program, options, file.fileno(), data)
            stages = read_report(_read(report))
    if status == _FAILED and not stages:
        raise ExecvmError("execvm pipeline: status 125 and no report; the reason is on stderr")
    if status < 0:
        raise ExecvmError(f"execvm pipeline: killed by {signal_name(-status)}")
    if len(stages) != count or any(stage.failed for stage in stages) != bool(status):
        raise ExecvmError(
            f"execvm pipeline: {status_text(status)}, and a report of {len(stages)} stages of "
            f"{count} that does not say why"
        )
    return Result(status, stdout, stages)


def _call(program: str, options: list[str], fd: int, data: bytes | None) -> tuple[int, bytes]:
    argv = [program, "pipeline", *options, f"/dev/fd/{fd}"]
    stdin = None if data is None else subprocess.PIPE
    try:
        process = subprocess.Popen(argv, stdin=stdin, stdout=subprocess.PIPE, pass_fds=(fd,))
    except OSError as error:
        raise ExecvmError(f"{program}: {error.strerror}") from error
    try:
        stdout, _ = process.communicate(data)
    except BaseException as error:
        _end(process, interrupted=isinstance(error, KeyboardInterrupt))
        raise
    return process.returncode, stdout


def _end(process: subprocess.Popen[bytes], interrupted: bool) -> None:
    # Closed first: the program must not wait for us while we wait for it.
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
    try:
        if not interrupted:  # else the terminal has sent SIGINT to the program as well
            process.terminate()
        process.wait()
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:  # the program ended before it came to that
        return b""
