# SPDX-License-Identifier: MIT
"""The same script over the same file, by each way in."""

from __future__ import annotations

import base64
import random
import shlex
from dataclasses import replace
from pathlib import Path

from ..measure import Command
from ..record import Result
from ..setup import Bench, make_root, milliseconds, sh

_MIB = 100
_SCRIPT = 'while (read(STDIN, $_, 1 << 20)) { $n += tr/\\n//; $a += tr/a-z//; } print "$n $a\\n";'


def inputs(bench: Bench, result: Result) -> None:
    try:
        root = str(make_root("debian", bench.user_cache))
    except Exception as error:  # whatever a root of Debian's needs: the network, mmdebstrap
        result.leave_out("all of it", str(error).strip().splitlines()[-1][:200])
        return
    share = bench.work / "inputs"
    share.mkdir(exist_ok=True)
    file = share / "in"
    chance = random.Random(1)
    with open(file, "wb") as out:
        for _ in range(_MIB):
            out.write(base64.encodebytes(chance.randbytes(800_000))[: 1 << 20].ljust(1 << 20, b"\n"))
    want = sh("sh", "-c", f"perl -e {shlex.quote(_SCRIPT)} <{file}")
    perl = ["/usr/bin/perl", "-e", _SCRIPT]

    def way(*options: str, source: str = "", env: dict[str, str] | None = None, stdin: str = "/dev/null") -> Command:
        words = ["/bin/sh", "-c", f"exec perl -e {shlex.quote(_SCRIPT)} <{source}"] if source else perl
        argv = [bench.program, "run", "--root", root, *options, "--", *words]
        return Command(argv, env or {}, stdin, want)

    def piped(file: Path, command: Command) -> Command:
        return replace(command, argv=["sh", "-c", 'cat "$0" | "$@"', str(file), *command.argv])

    disk = way("-n", "--disk", f"{file}=/dev/data,ro", source="/dev/data")
    ways = {
        "-v, virtiofs": way("-n", "-v", f"{share}:/share:ro", source="/share/in"),
        "-v, 9p": way("-n", "-v", f"{share}:/share:ro", source="/share/in", env={"EXECVM_VIRTIOFSD": "none"}),
        "stdin, a file": way(stdin=str(file)),
        "stdin, a pipe": piped(file, way()),
        "--in": way("-n", "-m", "1G", "--in", f"{file}=/tmp/in", source="/tmp/in"),
    }
    for name, command in ways.items():
        bench.pair(result, 3, (name, milliseconds(command)), ("--disk", milliseconds(disk)))
