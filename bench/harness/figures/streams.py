# SPDX-License-Identifier: MIT
"""Throughput of stdin and stdout, beside an unframed relay and the port itself.

bench/streams-compare [ROUNDS] measures, taking turns; it prints "PATH<TAB>VARIANT<TAB>MB/s", a line for
each path and variant of each round. Variants: execvm; relay, unframed through the same pipes; raw, the
port itself as the command's descriptor.
"""

from __future__ import annotations

from ..measure import Command, RunFailed, run
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
    for path, samples in _paths(said.stdout.decode()).items():
        ours = {_OURS: samples.pop(_OURS)}
        aims = {other: aim for other, aim in _AIMS.items() if other in samples}
        result.groups.append(Group(ours | samples, "MB/s", _PATHS.get(path, path), "more", aims))


def _paths(text: str) -> dict[str, dict[str, list[float]]]:
    """MB/s by path and variant. A round in which a yardstick failed does not count for that path."""
    rounds: dict[str, list[dict[str, str]]] = {}
    for line in text.splitlines():
        path, variant, rate, *_ = line.split("\t")
        if variant == "execvm":
            rounds.setdefault(path, []).append({})
            if rate == "failed":
                raise RunFailed(f"{path}: a run of ours failed")
        rounds[path][-1][_NAMES.get(variant, variant)] = rate
    paths: dict[str, dict[str, list[float]]] = {}
    for path, all_of_it in rounds.items():
        for one in all_of_it:
            if "failed" not in one.values():
                for name, rate in one.items():
                    paths.setdefault(path, {}).setdefault(name, []).append(float(rate))
    return paths
