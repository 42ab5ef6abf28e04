# SPDX-License-Identifier: MIT
"""What was measured: in memory, and as bench/results/FIGURE.json."""

from __future__ import annotations

import datetime
import json
import os
import platform
import statistics
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Spread:
    """The median and the quartiles around it."""

    median: float
    q1: float
    q3: float

    @staticmethod
    def of(samples: list[float]) -> Spread:
        if len(samples) == 1:
            return Spread(samples[0], samples[0], samples[0])
        q1, median, q3 = statistics.quantiles(samples, n=4, method="inclusive")
        return Spread(median, q1, q3)

    def to_json(self) -> dict[str, float]:
        return {"median": _short(self.median), "q1": _short(self.q1), "q3": _short(self.q3)}


def _short(value: float) -> float:
    return float(f"{value:.6g}")


@dataclass
class Group:
    """Kinds of run that took turns. samples[kind][i] are those of round i; the first kind is the one
    that the figure is about, and each ratio is that one's to another's, of the same round."""

    samples: dict[str, list[float]]
    unit: str
    name: str = ""
    better: str = "less"
    aims: dict[str, float] = field(default_factory=dict)  # kind -> what the ratio to it should be
    x: float | None = None  # where it is in a plot

    @property
    def subject(self) -> str:
        return next(iter(self.samples))

    @property
    def others(self) -> list[str]:
        return list(self.samples)[1:]

    def spread(self, kind: str) -> Spread:
        return Spread.of(self.samples[kind])

    def ratio(self, other: str) -> Spread:
        pairs = zip(self.samples[self.subject], self.samples[other], strict=True)
        return Spread.of([a / b for a, b in pairs])

    def met(self, other: str) -> bool | None:
        aim = self.aims.get(other)
        if aim is None:
            return None
        ratio = self.ratio(other).median
        return ratio <= aim if self.better == "less" else ratio >= aim

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "x": self.x,
            "unit": self.unit,
            "better": self.better,
            "aims": self.aims,
            "summary": {kind: self.spread(kind).to_json() for kind in self.samples},
            "ratios": {
                other: {**self.ratio(other).to_json(), "met": self.met(other)} for other in self.others
            },
            "samples": {kind: [_short(v) for v in values] for kind, values in self.samples.items()},
        }

    @staticmethod
    def from_json(data: dict[str, Any]) -> Group:
        return Group(data["samples"], data["unit"], data["name"], data["better"], data["aims"], data["x"])


@dataclass(frozen=True)
class LeftOut:
    """What could not be measured here, and why. `aim`: the ratio that it should have been."""

    name: str
    why: str
    aim: str = ""


@dataclass
class Result:
    """One figure."""

    figure: str
    groups: list[Group] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    machine: dict[str, str] = field(default_factory=dict)
    date: str = ""
    quick: bool = False

    def leave_out(self, name: str, why: str, aim: str = "") -> None:
        self.left_out.append(LeftOut(name, why, aim))

    def write(self, directory: Path) -> Path:
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / f"{self.figure}.json"
        data = {
            "figure": self.figure,
            "date": self.date,
            "quick": self.quick,
            "machine": self.machine,
            "versions": dict(sorted(self.versions.items())),
            "groups": [group.to_json() for group in self.groups],
            "left_out": [vars(left) for left in self.left_out],
        }
        text = json.dumps(data, indent=1, ensure_ascii=False)
        path.write_text(_lists_on_one_line(text) + "\n")
        return path

    @staticmethod
    def read(path: Path) -> Result:
        data = json.loads(path.read_text())
        return Result(
            data["figure"],
            [Group.from_json(group) for group in data["groups"]],
            [LeftOut(**left) for left in data["left_out"]],
            data["versions"],
            data["machine"],
            data["date"],
            data["quick"],
        )


def _lists_on_one_line(text: str) -> str:
    """The samples of a kind of run on one line, so that a person can read the file."""
    lines: list[str] = []
    inside = False
    for line in text.split("\n"):
        word = line.strip()
        if inside:
            inside = word not in ("]", "],")
            lines[-1] += word if not inside or lines[-1].endswith("[") else " " + word
            continue
        lines.append(line)
        inside = word.endswith("[") and not word.startswith(('"groups"', '"left_out"'))
    return "\n".join(lines)


def now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")


def machine_line(accel: str) -> dict[str, str]:
    """The host, in words."""
    cpu = "unknown"
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                cpu = line.split(":", 1)[1].strip()
                break
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "cpu": cpu,
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{pages / 2**30:.0f} GiB",
        "accel": accel,
        "kernel": f"{platform.system()} {platform.release()}",
        "load": f"{os.getloadavg()[0]:.2f}",
    }
