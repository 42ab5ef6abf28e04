# SPDX-License-Identifier: MIT
"""One process, timed from posix_spawn to its end; and several kinds of such that take turns.

A run whose status or output is not what it should be is an error, never a sample.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field


class RunFailed(Exception):
    """A run that did not do what it should have done."""


@dataclass(frozen=True)
class Command:
    """What is run. `output`: what stdout has to be, None when it does not matter."""

    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)  # beside ours
    stdin: str = os.devnull
    output: bytes | None = b""
    cwd: str | None = None
    limit: float = 300.0  # seconds after which it has failed


@dataclass(frozen=True)
class Ended:
    seconds: float
    stdout: bytes
    stderr: bytes
    max_rss: int  # bytes, of the largest process


class Running:
    """A process with its output in memory."""

    def __init__(self, command: Command) -> None:
        self.command = command
        self._out = os.memfd_create("stdout")
        self._err = os.memfd_create("stderr")
        argv = list(command.argv)
        if command.cwd is not None:
            argv = ["/usr/bin/env", "-C", command.cwd, *argv]
        environment = {**os.environ, **command.env}
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, command.stdin, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, self._out, 1),
            (os.POSIX_SPAWN_DUP2, self._err, 2),
        ]
        self.begin = time.perf_counter()
        self.pid = os.posix_spawnp(
            argv[0],
            argv,
            environment,
            file_actions=actions,
            setpgroup=0,
            setsigdef=[signal.SIGPIPE],  # which Python ignores
        )

    def stdout(self) -> bytes:
        return os.pread(self._out, os.fstat(self._out).st_size, 0)

    def stderr(self) -> bytes:
        return os.pread(self._err, os.fstat(self._err).st_size, 0)

    def wait(self, want: int | None = 0) -> Ended:
        """Waits for the end; `want` is the status that it has to have, None any."""
        pidfd = os.pidfd_open(self.pid)
        try:
            poll = select.poll()
            poll.register(pidfd, select.POLLIN)
            late = not poll.poll(self.command.limit * 1000)
            if late:
                os.killpg(self.pid, signal.SIGKILL)
            _, raw, usage = os.wait4(self.pid, 0)
            seconds = time.perf_counter() - self.begin
            ended = Ended(seconds, self.stdout(), self.stderr(), usage.ru_maxrss * 1024)
        finally:
            os.close(pidfd)
            os.close(self._out)
            os.close(self._err)
        status = os.waitstatus_to_exitcode(raw)
        name = " ".join(self.command.argv)[:300]
        tail = ended.stderr.decode(errors="replace").strip()[-2000:]
        if late:
            raise RunFailed(f"{name}: still running after {self.command.limit:.0f} s\n{tail}")
        if want is not None and status != want:
            raise RunFailed(f"{name}: status {status}\n{tail}")
        output = self.command.output
        if output is not None and ended.stdout != output:
            raise RunFailed(f"{name}: its output is {ended.stdout[:200]!r}\n{tail}")
        return ended

    def end(self) -> None:
        """Ends what is meant to run until it is told not to."""
        os.kill(self.pid, signal.SIGTERM)
        self.wait(want=None)


def run(command: Command) -> Ended:
    return Running(command).wait()


def seconds(command: Command) -> float:
    return run(command).seconds


def seconds_side_by_side(commands: Sequence[Command]) -> float:
    """All started at once; until the last has ended."""
    begin = time.perf_counter()
    for process in [Running(command) for command in commands]:
        process.wait()
    return time.perf_counter() - begin


Measure = Callable[[], float]


def take_turns(rounds: int, kinds: Mapping[str, Measure], warm_up: bool = True) -> dict[str, list[float]]:
    """A B A B …: what each kind measured in each round. One run of each comes before and counts not."""
    if warm_up:
        for measure in kinds.values():
            measure()
    samples: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(rounds):
        for name, measure in kinds.items():
            samples[name].append(measure())
    return samples
