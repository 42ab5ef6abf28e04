# SPDX-License-Identifier: MIT
"""What became of a block: the program's report, read."""

from __future__ import annotations

import builtins
import json
import shlex
import signal
import textwrap
from dataclasses import dataclass
from typing import Any

from .errors import ExecvmError
from .words import decode, decode_any, to_bytes

_WORDS_SHOWN = 300
_STATUS = {124: "timed out", 125: "execvm failed", 126: "not startable", 127: "not found"}


@dataclass(frozen=True)
class StageResult:
    """How a stage ended.

    words: the args of a Command or Chain, the files of a Tar, else the name or the tag.
    status: the exit status; None when the stage was not carried out.
    failed: whether it counts; a stage that SIGPIPE ended because its reader had enough does not.
    bytes, ms: what it wrote to the next stage, and how long it took.
    error: a sentence of execvm's own. stderr: the end of it.
    """

    index: int
    type: str
    runner: str | None
    words: tuple[str, ...]
    status: int | None
    failed: bool
    bytes: int
    ms: int
    error: str | None
    stderr: builtins.bytes


@dataclass(frozen=True)
class Result:
    """How a block ended. status: that of the last stage that failed, else 0."""

    status: int
    stdout: bytes
    stages: tuple[StageResult, ...]

    def check(self) -> None:
        """Raises PipelineError unless the status is 0."""
        if self.status:
            raise PipelineError(self)


class PipelineError(ExecvmError):
    """A block failed. result: all of it. stage: the stage that decided, the last that failed."""

    def __init__(self, result: Result) -> None:
        super().__init__(result)
        self.result = result
        self.stage = [stage for stage in result.stages if stage.failed][-1]

    def __str__(self) -> str:
        stage = self.stage
        words = to_bytes(shlex.join(stage.words)).decode(errors="backslashreplace")
        if len(words) > _WORDS_SHOWN:
            words = words[:_WORDS_SHOWN] + "…"
        text = (
            f"stage {stage.index + 1} of {len(self.result.stages)} ({stage.runner or stage.type}): "
            f"{words}: {status_text(stage.status)}"
        )
        if stage.error:
            text += f": {stage.error}"
        tail = stage.stderr.decode(errors="backslashreplace").rstrip("\n")
        return f"{text}\n{textwrap.indent(tail, '  ')}" if tail else text


def status_text(status: int | None) -> str:
    """The status of a stage in words."""
    if status is None:
        return "not carried out"
    if status in _STATUS:
        return f"{_STATUS[status]} (status {status})"
    if 128 < status <= 128 + 64:
        return f"killed by {signal_name(status - 128)} (status {status})"
    return f"status {status}"


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def read_report(report: bytes) -> tuple[StageResult, ...]:
    """The stages in a report; ExecvmError when it is none, or says that nothing was run."""
    stages = []
    for index, line in enumerate(report.splitlines()):
        try:
            stages.append(_stage(json.loads(line), index))
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise ExecvmError(f"execvm pipeline: report, line {index + 1}: {error!r}") from error
    return tuple(stages)


def _stage(entry: dict[str, Any], index: int) -> StageResult:
    if entry["stage"] is None:
        raise ExecvmError(f"execvm pipeline: {decode(entry['error'])}")
    if entry["stage"] != index:
        raise ValueError(f"stage {entry['stage']}")
    for key in ("args", "files", "name", "tag"):
        if key in entry:
            value = entry[key]
            break
    else:
        raise KeyError("args")
    return StageResult(
        index=index,
        type=entry["type"],
        runner=entry.get("runner"),
        words=tuple(decode(word) for word in (value if isinstance(value, list) else [value])),
        status=entry["status"],
        failed=entry["failed"],
        bytes=entry["bytes"],
        ms=entry["ms"],
        error=entry["error"],
        stderr=to_bytes(decode_any(entry.get("stderr", ""))),
    )
