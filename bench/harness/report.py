# SPDX-License-Identifier: MIT
"""docs/performance.md: the tables out of bench/results/*.json, the prose out of bench/text.md."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .plots import PLOTS
from .record import Group, LeftOut, Result, Spread

_COLUMNS = ("stages", *PLOTS)  # a row for each group, a column for each kind of run


@dataclass(frozen=True)
class Section:
    title: str
    text: str


def sections(text: Path) -> dict[str, Section]:
    """text.md: "## NAME: TITLE", then paragraphs."""
    found: dict[str, Section] = {}
    for part in ("\n" + text.read_text()).split("\n## ")[1:]:
        head, _, body = part.partition("\n")
        name, _, title = head.partition(": ")
        found[name] = Section(title, body.strip())
    return found


def report(results: dict[str, Result], text: dict[str, Section]) -> str:
    parts = [
        f"# {text['intro'].title}\n\n{text['intro'].text}\n",
        _aims(results, text),
    ]
    parts += [_figure(result, text[name]) for name, result in results.items()]
    parts.append(_versions(results, text["versions"]))
    return "\n".join(parts)


def number(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}" if value >= 1 else f"{value:.2g}"


def _spread(spread: Spread) -> str:
    low, high = number(spread.q1), number(spread.q3)
    return number(spread.median) if low == high else f"{number(spread.median)} ({low}–{high})"


def _ratio(spread: Spread) -> str:
    digits = 3 if spread.median < 0.1 else 2 if spread.median < 10 else 1
    median, low, high = (f"{v:.{digits}f}" for v in (spread.median, spread.q1, spread.q3))
    return f"**{median}** ({low}–{high})"


def _aim(group: Group, other: str) -> str:
    aim = group.aims.get(other)
    return "" if aim is None else f"{'≤' if group.better == 'less' else '≥'} {aim:g}"


_MET = {True: "met", False: "**missed**", None: ""}


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def _aims(results: dict[str, Result], text: dict[str, Section]) -> str:
    rows: list[list[str]] = []
    for name, result in results.items():
        link = f"[{text[name].title}](#{_anchor(text[name].title)})"
        for group in result.groups:
            for other in group.others:
                if other in group.aims:
                    ours = f"{group.name + ': ' if group.name else ''}{group.subject} to {other}"
                    met = _MET[group.met(other)]
                    rows.append([link, ours, _aim(group, other), _ratio(group.ratio(other)), met])
        rows += [[link, left.name, left.aim, "left out", ""] for left in result.left_out if left.aim]
    return f"## {text['aims'].title}\n\n{text['aims'].text}\n\n" + _table(
        ["figure", "ratio of", "aim", "measured", ""], rows
    )


def _anchor(title: str) -> str:
    """As GitHub makes it of a heading."""
    return "".join(c for c in title.lower().replace(" ", "-") if c.isalnum() or c in "-_")


def _figure(result: Result, section: Section) -> str:
    parts = [f"## {section.title}\n\n{section.text}\n"]
    if result.groups:
        parts.append(_columns(result) if result.figure in _COLUMNS else _pairs(result))
    elif result.left_out:
        parts.append(_table(["left out", "because", "aim"], [[x.name, x.why, x.aim] for x in result.left_out]))
    if result.figure in PLOTS and result.groups:
        parts.append(f"![{section.title}](performance/{result.figure}.svg)\n")
    machine = result.machine
    rounds = sorted({len(v) for group in result.groups for v in group.samples.values()})
    line = f"{machine['cpu']}, {machine['cores']} cores, {machine['accel']}; {result.date}, load {machine['load']}"
    if rounds:
        words = " to ".join(str(n) for n in dict.fromkeys([rounds[0], rounds[-1]]))
        line = f"Median (quartiles) of {words} rounds. {line}"
    parts.append(f"<sub>{line}{'. A quick look, not a measurement' if result.quick else ''}.</sub>\n")
    return "\n".join(parts)


def _pairs(result: Result) -> str:
    named = any(group.name for group in result.groups)
    aimed = any(group.aims for group in result.groups) or any(left.aim for left in result.left_out)
    unit = result.groups[0].unit
    head = [*([""] if named else []), "", f"{unit}", "beside", unit, "ratio", *(["aim", ""] if aimed else [])]
    rows: list[list[str]] = []
    for group in result.groups:
        for other in group.others:
            row = [group.name] if named else []
            row += [group.subject, _spread(group.spread(group.subject))]
            row += [other, _spread(group.spread(other)), _ratio(group.ratio(other))]
            rows.append(row + ([_aim(group, other), _MET[group.met(other)]] if aimed else []))
    rows += [_left_out(left, named, aimed) for left in result.left_out]
    return _table(head, rows)


def _left_out(left: LeftOut, named: bool, aimed: bool) -> list[str]:
    row = [*([""] if named else []), "", "", left.name, f"left out: {left.why}", ""]
    return row + ([left.aim, ""] if aimed else [])


def _columns(result: Result) -> str:
    kinds = list(dict.fromkeys(kind for group in result.groups for kind in group.samples))
    rows = [
        [group.name, *(_spread(group.spread(k)) if k in group.samples else "" for k in kinds)]
        for group in result.groups
    ]
    table = _table([result.groups[0].unit, *kinds], rows)
    return table + "".join(f"\nLeft out: {left.name}: {left.why}.\n" for left in result.left_out)


def _versions(results: dict[str, Result], section: Section) -> str:
    versions: dict[str, str] = {}
    for result in results.values():
        versions |= result.versions
    machines = {
        f"{m['cpu']}, {m['cores']} cores, {m['memory']}, {m['kernel']}, accelerator {m['accel']}"
        for m in (result.machine for result in results.values())
    }
    table = _table(["", "version"], [[name, text] for name, text in sorted(versions.items())])
    hosts = "".join(f"- {machine}\n" for machine in sorted(machines))
    return f"## {section.title}\n\n{hosts}\n{table}"
