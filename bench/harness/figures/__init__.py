# SPDX-License-Identifier: MIT
"""The figures, in the order of the report. Each is a function that fills a Result; its heading and its
words are in bench/text.md, under its name."""

from __future__ import annotations

from collections.abc import Callable

from ..record import Result
from ..setup import Bench
from . import cold, growth, images, initrd, inputs, local, memory, streams, whole

Figure = Callable[[Bench, Result], None]

FIGURES: dict[str, Figure] = {
    "true-warm": whole.true_warm,
    "true-cold": whole.true_cold,
    "true-peers": whole.true_peers,
    "floor": whole.floor,
    "stages": cold.stages,
    "cold": cold.changes,
    "options": cold.options,
    "streams": streams.streams,
    "inputs": inputs.inputs,
    "memory": memory.memory,
    "shared": memory.shared,
    "growth-runs": growth.runs,
    "growth-argv": growth.argv,
    "growth-root": growth.root,
    "chain": local.chain,
    "pipeline": local.pipeline,
    "runners": local.runners,
    "initrd": initrd.initrd,
    "images": images.images,
}
