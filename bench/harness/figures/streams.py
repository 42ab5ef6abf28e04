# SPDX-License-Identifier: MIT
"""Throughput of stdin and stdout, beside an unframed relay and the port itself.

bench/streams-compare [ROUNDS] measures; it prints "PATH<TAB>VARIANT<TAB>MB/s", a line for each path and
variant of each round. Variants: execvm, unframed (a relay through the same pipes without our framing),
port (the port itself as the command's descriptor).
"""

from __future__ import annotations

from ..measure import Command, run
from ..record import Group, Result
from ..setup import SOURCE, Bench, aim_text, say

_AIMS = {"unframed": 0.9, "port": 0.7}


def streams(bench: Bench, result: Result) -> None:
    program = SOURCE / "bench/streams-compare"
    if not program.exists():
        for other, aim in _AIMS.items():
            result.leave_out(other, "no bench/streams-compare in this tree", aim_text(aim, "more"))
        return
    say("streams")
    said = run(Command([str(program), str(bench.rounds(10))], {"BUILD": str(bench.build)}, output=None))
    paths: dict[str, dict[str, list[float]]] = {}
    for line in said.stdout.decode().splitlines():
        path, variant, rate = line.split("\t")
        paths.setdefault(path, {}).setdefault(variant, []).append(float(rate))
    for path, samples in paths.items():
        ours = {"execvm": samples.pop("execvm")}
        aims = {other: aim for other, aim in _AIMS.items() if other in samples}
        result.groups.append(Group(ours | samples, "MB/s", path, "more", aims))
