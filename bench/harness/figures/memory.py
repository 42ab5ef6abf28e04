# SPDX-License-Identifier: MIT
"""Memory of the host: proportional set sizes (PSS), summed over a run's processes."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

from ..machine import bare
from ..measure import Command, Running, RunFailed
from ..record import Result
from ..setup import Bench
from .whole import NO_WARM

_SETTLED = 0.02  # of a processor
_CLONES = 20


def _tree(pid: int) -> list[int]:
    """The process and what it has started."""
    parents: dict[int, int] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                parents[int(entry)] = int(_stat(int(entry))[1])
            except OSError:
                continue
    found = [pid]
    for at in found:
        found += [child for child, parent in parents.items() if parent == at]
    return found


def _stat(pid: int) -> list[str]:
    """The fields behind the name, from the third on."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _cpu_seconds(pids: list[int]) -> float:
    ticks = sum(int(value) for pid in pids for value in _stat(pid)[11:13])
    return ticks / os.sysconf("SC_CLK_TCK")


def _settle(roots: list[int]) -> list[int]:
    """Waits until they do nothing any more; which processes they are."""
    deadline = time.monotonic() + 120
    before = -1.0
    while time.monotonic() < deadline:
        pids = [pid for root in roots for pid in _tree(root)]
        now = _cpu_seconds(pids)
        if now - before <= _SETTLED * len(roots) and before > 0:
            return pids
        before = now
        time.sleep(1)
    raise RunFailed("does not come to rest")


def _pss(pids: list[int]) -> float:
    """In MiB."""
    total = 0
    for pid in pids:
        found = re.search(r"^Pss: *(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
        total += int(found[1]) if found else 0
    return total / 1024


def _resident(commands: list[Command]) -> float:
    running = [Running(command) for command in commands]
    try:
        return _pss(_settle([process.pid for process in running]))
    finally:
        for process in running:
            process.end()


def memory(bench: Bench, result: Result) -> None:
    sleep = bench.vm("--", "/bin/sleep", "1000")
    ours = ("`execvm run`, `sleep`", lambda: _resident([sleep]))
    idle = bare(bench, idle=True)
    bench.pair(
        result,
        5,
        ours,
        ("bare QEMU, idle", lambda: _resident([idle])),
        unit="MiB",
        aim=1.05,
        peer="bare QEMU",
    )


def shared(bench: Bench, result: Result) -> None:
    if not bench.has_warm():
        result.leave_out(f"{_CLONES} warm clones of one template", NO_WARM)
        return
    root = str(bench.root().image)
    cold = [bench.vm("--root", root, "--", "/bin/sleep", "1000")] * _CLONES
    warm = [bench.vm("--warm", "--root", root, "--", "/bin/sleep", "1000")] * _CLONES
    bench.pair(
        result,
        3,
        (f"{_CLONES} warm runs", lambda: _resident(warm)),
        (f"{_CLONES} cold runs", lambda: _resident(cold)),
        unit="MiB",
    )
