# SPDX-License-Identifier: MIT
"""bench/run: measures the figures that are named, all by default, and writes what comes of it."""

from __future__ import annotations

import argparse
import shutil
import sys

from .figures import FIGURES
from .machine import accelerator
from .measure import RunFailed
from .plots import PLOTS, plot
from .record import Result, machine_line, now
from .report import report, sections
from .setup import SOURCE, Bench, own_version, say

_RESULTS = SOURCE / "bench/results"
_TEXT = SOURCE / "bench/text.md"
_PAGE = SOURCE / "docs/performance.md"
_SVG = SOURCE / "docs/performance"


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__)
    parser.add_argument("figure", nargs="*", help="which; see --list (all of them)")
    parser.add_argument("--quick", action="store_true", help="two rounds each: whether everything runs")
    parser.add_argument("--report", action="store_true", help="measure nothing: pages from bench/results")
    parser.add_argument("--check", action="store_true", help="whether docs/performance.md is what --report makes")
    parser.add_argument("--list", action="store_true", help="print the names of the figures")
    args = parser.parse_args()
    unknown = [name for name in args.figure if name not in FIGURES]
    if unknown:
        parser.error(f"no figure {unknown[0]}; there are: {' '.join(FIGURES)}")
    if args.list:
        print("\n".join(FIGURES))
        return 0
    if args.check:
        return 0 if _page() == _PAGE.read_text() else _differs()
    good = True
    if not args.report:
        good = _measure(args.figure or list(FIGURES), args.quick)
    if args.quick:
        return 0 if good else 1
    _write_pages()
    return 0 if good else 1


def _measure(names: list[str], quick: bool) -> bool:
    """False when a run of ours failed. A quick look is kept below build/, it is worth nothing."""
    failed: list[str] = []
    with Bench(quick) as bench:
        accel = accelerator(bench)
        version = own_version()
        directory = bench.build / "bench-quick" if quick else _RESULTS
        for name in names:
            result = Result(name, date=now(), machine=machine_line(accel), quick=quick)
            result.versions["execvm"] = version
            try:
                FIGURES[name](bench, result)
            except RunFailed as error:
                print(f"bench: {name}: {error}", file=sys.stderr)
                failed.append(name)
                continue
            say(f"{result.write(directory)}")
        if quick:
            seen = {name: Result.read(directory / f"{name}.json") for name in names if name not in failed}
            (directory / "performance.md").write_text(report(seen, sections(_TEXT)))
    if failed:
        print(f"bench: failed: {' '.join(failed)}", file=sys.stderr)
    return not failed


def _results() -> dict[str, Result]:
    paths = {name: _RESULTS / f"{name}.json" for name in FIGURES}
    return {name: Result.read(path) for name, path in paths.items() if path.exists()}


def _page() -> str:
    return report(_results(), sections(_TEXT))


def _write_pages() -> None:
    _PAGE.write_text(_page())
    say(str(_PAGE))
    for name, result in _results().items():
        if name in PLOTS and result.groups:
            if shutil.which("gnuplot") is None:
                say(f"{name}: no plot: no gnuplot here (Debian package gnuplot-nox)")
                continue
            say(str(plot(result, _SVG)))


def _differs() -> int:
    print(f"{_PAGE} is not what bench/run --report makes", file=sys.stderr)
    return 1
