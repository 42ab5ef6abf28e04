# SPDX-License-Identifier: MIT
"""Throughput of stdin and stdout, beside an unframed relay and the port itself.

bench/streams-compare [ROUNDS] measures, taking turns; it prints "PATH<TAB>VARIANT<TAB>MB/s", a line for
each path and variant of each round. Variants: execvm; relay, unframed through the same pipes; raw, the
port itself as the command's descriptor.
"""

from __future__ import annotations

from ..measure import Command, run
from ..record import Group, Result
from ..setup import SOURCE, Bench, aim_text, say

_OURS = "`execvm run`"
_NAMES = {"execvm": _OURS, "relay": "unframed relay", "raw": "the port itself"}
_PATHS = {"in": "to the guest", "out": "from the guest"}
_AIMS = {"unframed relay": 0.9, "the port itself": 0.7}
_ROUNDS = 7


def streams(bench: Bench, result: Result) -> None:
    program = SOURCE / "bench/streams-compare"
    if not program.exists():
        for other, aim in _AIMS.items():
            result.leave_out(other, "no bench/streams-compare in this tree", aim_text(aim, "more"))
        return
    say("streams")
    argv = [str(program), str(bench.rounds(_ROUNDS))]
    said = run(Command(argv, {"BUILD": str(bench.build)}, output=None, limit=1800))
    paths: dict[str, dict[str, list[float]]] = {}
    for line in said.stdout.decode().splitlines():
        path, variant, rate = line.split("\t")
        paths.setdefault(path, {}).setdefault(_NAMES.get(variant, variant), []).append(float(rate))
    for path, samples in paths.items():
        ours = {_OURS: samples.pop(_OURS)}
        aims = {other: aim for other, aim in _AIMS.items() if other in samples}
        result.groups.append(Group(ours | samples, "MB/s", _PATHS.get(path, path), "more", aims))
