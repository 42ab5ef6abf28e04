# SPDX-License-Identifier: MIT
"""docs/performance/*.svg, by gnuplot: medians, with the quartiles as bars."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from .record import Result


@dataclass(frozen=True)
class Plot:
    xlabel: str
    logarithmic: str = "x"  # axes
    flat: bool = False  # y starts at 0


PLOTS = {
    "growth-runs": Plot("runs side by side", "xy"),
    "growth-argv": Plot("length of argv", flat=True),
    "growth-root": Plot("size of the root image", flat=True),
}

_COLOURS = {"execvm run": "#1b6ca8", "execvm run --warm": "#4f772d", "docker run": "#c8553d"}


def plot(result: Result, directory: Path) -> Path:
    """The words of the ticks are the names of the groups."""
    settings = PLOTS[result.figure]
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{result.figure}.svg"
    kinds = list(dict.fromkeys(kind for group in result.groups for kind in group.samples))
    ticks = ", ".join(f'"{group.name}" {group.x:g}' for group in result.groups)
    lines = [
        "set terminal svg size 720,400 font 'sans-serif,13' background '#ffffff'",
        f"set output '{path}'",
        "set key top left reverse Left",
        "set border 3",
        "set grid ytics linecolor '#dddddd'",
        "set offsets graph 0, 0, 0, 0",
        f"set xlabel '{settings.xlabel}'",
        f"set ylabel '{result.groups[0].unit}'",
        f"set logscale {settings.logarithmic} 2" if settings.logarithmic == "xy" else "set logscale x",
        "set format y '%g'",
        f"set xtics nomirror ({ticks})",
        "set ytics nomirror",
    ]
    xs = [group.x for group in result.groups if group.x is not None]
    lines.append(f"set xrange [{min(xs) / 1.3:g}:{max(xs) * 1.3:g}]")
    if settings.flat:
        top = max(group.spread(kind).q3 for group in result.groups for kind in group.samples)
        lines.append(f"set yrange [0:{top * 1.25:g}]")
    curves: list[str] = []
    blocks: list[str] = []
    for kind in kinds:
        title = kind.replace("`", "")
        style = f"linecolor '{_COLOURS[title]}' linewidth 2"
        curves.append(f"'-' using 1:2:3:4 with yerrorbars {style} pointtype 7 pointsize 0.5 notitle")
        curves.append(f"'-' using 1:2 with lines {style} title '{title}'")
        rows = [
            f"{group.x:g} {s.median:g} {s.q1:g} {s.q3:g}"
            for group in result.groups
            if kind in group.samples
            for s in [group.spread(kind)]
        ]
        blocks += ["\n".join([*rows, "e"])] * 2
    lines.append("plot " + ", ".join(curves))
    script = "\n".join([*lines, *blocks]) + "\n"
    subprocess.run(["gnuplot"], input=script, text=True, check=True)
    return path
