# SPDX-License-Identifier: MIT
"""How the time of a run grows: with runs side by side, with the length of argv, with the root's size."""

from __future__ import annotations

from ..measure import Command, Measure, RunFailed, run, seconds_side_by_side, take_turns
from ..peers import PEERS
from ..record import Group, Result
from ..setup import Bench, CannotRun, milliseconds, say, sh
from .whole import NO_WARM

COLD, WARM, DOCKER = "`execvm run`", "`execvm run --warm`", "`docker run`"


def _kinds(bench: Bench, result: Result, docker: bool) -> list[str]:
    """Those that are there; the rest is left out by name."""
    kinds = [COLD]
    if bench.has_warm():
        kinds.append(WARM)
    else:
        result.leave_out(WARM, NO_WARM)
    if not docker:
        return kinds
    why = PEERS["docker"].missing()
    try:
        if why is None:
            result.versions["docker"] = PEERS["docker"].version_text()
            bench.docker()
            kinds.append(DOCKER)
    except (CannotRun, RunFailed) as error:
        why = str(error)
    if why is not None:
        result.leave_out(DOCKER, why)
    return kinds


def _command(bench: Bench, kind: str, root: str, words: list[str]) -> Command:
    if kind == DOCKER:
        return Command(["docker", "run", "--rm", "--network=none", "bench", *words])
    return bench.vm(*(["--warm"] if kind == WARM else []), "--root", root, "--", *words)


def _points(bench: Bench, result: Result, rounds: int, cells: dict[tuple[float, str], dict[str, Measure]]) -> None:
    """All of them take turns, so that the points of a plot can be compared."""
    say(result.figure)
    flat = {f"{name}/{kind}": m for (_, name), kinds in cells.items() for kind, m in kinds.items()}
    samples = take_turns(bench.rounds(rounds), flat)
    for (x, name), kinds in cells.items():
        result.groups.append(Group({kind: samples[f"{name}/{kind}"] for kind in kinds}, "ms", name, x=x))


def runs(bench: Bench, result: Result) -> None:
    root = str(bench.root().image)
    kinds = _kinds(bench, result, docker=True)
    cells: dict[tuple[float, str], dict[str, Measure]] = {}
    for n in (1, 2, 4, 8, 16):

        def measure(kind: str, count: int = n) -> Measure:
            command = _command(bench, kind, root, ["/bin/true"])
            return lambda: seconds_side_by_side([command] * count) * 1000

        cells[n, str(n)] = {kind: measure(kind) for kind in kinds}
    _points(bench, result, 5, cells)


def argv(bench: Bench, result: Result) -> None:
    root = str(bench.root().image)
    kinds = _kinds(bench, result, docker=True)
    cells: dict[tuple[float, str], dict[str, Measure]] = {}
    for kilobytes, name in ((1, "1 KB"), (10, "10 KB"), (100, "100 KB"), (1000, "1 MB")):
        words = ["/bin/true", *["x" * 999] * kilobytes]  # one string may have 128 KB
        usable: dict[str, Measure] = {}
        for kind in kinds:
            command = _command(bench, kind, root, words)
            try:
                run(command)
                usable[kind] = milliseconds(command)
            except (RunFailed, OSError) as error:
                result.leave_out(f"{kind}, {name}", str(error).strip().splitlines()[-1][:200])
        cells[kilobytes, name] = usable
    _points(bench, result, 7, cells)


def root(bench: Bench, result: Result) -> None:
    kinds = _kinds(bench, result, docker=False)
    result.leave_out(DOCKER, "a root is a directory there, unpacked before the first run; no image is opened")
    tree = bench.work / "ext4-root"
    for directory in ("bin", "dev", "proc", "sys", "run", "tmp"):
        (tree / directory).mkdir(parents=True, exist_ok=True)
    cells: dict[tuple[float, str], dict[str, Measure]] = {}
    sh("cp", bench.true, str(tree / "bin/exit-with"))
    for megabytes, name in ((1, "1 MB"), (16, "16 MB"), (256, "256 MB"), (1024, "1 GB"), (4096, "4 GB")):
        image = str(bench.work / f"root-{megabytes}.ext4")
        sh("mke2fs", "-q", "-t", "ext4", "-d", str(tree), image, f"{megabytes}M")
        words = ["/bin/exit-with", "0"]
        cells[megabytes, name] = {kind: milliseconds(_command(bench, kind, image, words)) for kind in kinds}
    _points(bench, result, 7, cells)
