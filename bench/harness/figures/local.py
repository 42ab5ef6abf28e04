# SPDX-License-Identifier: MIT
"""What needs no machine: chains, pipelines here, and runners beside the programs that they start."""

from __future__ import annotations

import json
from typing import Any

from ..measure import Command, Measure, seconds
from ..peers import PEERS
from ..record import Result
from ..setup import Bench, milliseconds

_LINKS = 100


def _chain(program: str, links: int, command: list[str]) -> list[str]:
    argv: list[str] = []
    for _ in range(links - 1):
        argv += [program, "chain", "--", *command, "--"]
    return argv + command


def _foreground(program: str, links: int, command: list[str]) -> list[str]:
    """As execlineb passes it: each word of a block behind a blank, an empty word behind the block."""
    argv: list[str] = []
    for _ in range(links - 1):
        argv += [program, *(f" {word}" for word in command), ""]
    return argv + command


def chain(bench: Bench, result: Result) -> None:
    true = [bench.true, "0"]
    foreground = PEERS["execline"].path() or "foreground"
    for links, rounds in ((_LINKS, 40), (4, 100), (2, 100)):
        name = f"{links} links"
        aim = 1.0 if links == _LINKS else None
        ours = ("`execvm chain`", milliseconds(Command(_chain(bench.guest, links, true))))
        dash = Command(["dash", "-c", " && ".join([" ".join(true)] * links)])
        execline = Command(_foreground(foreground, links, true))
        bench.pair(result, rounds, ours, ("dash, `&&`", milliseconds(dash)), aim=aim, name=name, peer="dash")
        bench.pair(
            result,
            rounds,
            ours,
            ("execline, `foreground`", milliseconds(execline)),
            aim=aim,
            name=name,
            peer="execline",
        )


def _stage(args: list[str], output: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"args": args, "runner": "local"} | ({"output": output} if output else {})


def pipeline(bench: Bench, result: Result) -> None:
    """Three stages here, beside a shell's."""
    mib = 1000
    count = f"{mib << 20}\n".encode()
    for name, middle in (("head | cat | wc", ["cat"]), ("head | tr | wc", ["tr", "x", "y"])):
        document = bench.work / "pipeline.json"
        head = ["head", "-c", f"{mib}M", "/dev/zero"]
        document.write_text(json.dumps(_stage(head, _stage(middle, _stage(["wc", "-c"])))))
        text = f"head -c {mib}M /dev/zero | {' '.join(middle)} | wc -c"
        bench.pair(
            result,
            10,
            ("`execvm pipeline`", _rate(Command([bench.program, "pipeline", str(document)], output=count), mib)),
            ("`sh`", _rate(Command(["sh", "-c", text], output=count), mib)),
            unit="MB/s",
            better="more",
            name=name,
        )


def _rate(command: Command, mib: int) -> Measure:
    return lambda: (mib << 20) / 1e6 / seconds(command)


def runners(bench: Bench, result: Result) -> None:
    """A command that does nothing, by a runner and by hand."""
    true = [bench.true, "0"]
    by_hand = milliseconds(Command(true))
    local = milliseconds(bench.vm("-r", "local", "--", *true))
    bench.pair(result, 50, ("`execvm run`", local), ("by hand", by_hand), name="local")

    def docker(argv: list[str]) -> Measure:
        def measure() -> float:
            bench.docker()
            return milliseconds(Command(argv))()

        return measure

    words = ["--image", "bench", "--", "/bin/true"]
    bench.pair(
        result,
        10,
        ("`execvm run`", docker([bench.program, "run", "-r", "docker", *words])),
        ("by hand", docker(["docker", "run", "-i", "--rm", "--network=none", "bench", "/bin/true"])),
        name="docker",
        peer="docker",
    )

    def ssh() -> float:
        return milliseconds(Command(["ssh", *bench.sshd(), "root@127.0.0.1", *true]))()

    def ssh_runner() -> float:
        options = [f"--option={word}" for word in bench.sshd()]
        return milliseconds(bench.vm("-r", "ssh", "--host", "root@127.0.0.1", *options, "--", *true))()

    bench.pair(result, 10, ("`execvm run`", ssh_runner), ("by hand", ssh), name="ssh", peer="ssh")
