# SPDX-License-Identifier: MIT
"""An initrd of 5,000 files, 300 MB: ours, and the programs that write the same format."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import tempfile
from pathlib import Path

from ..measure import Command, Measure, RunFailed, run
from ..peers import PEERS
from ..record import Result
from ..setup import Bench, CannotRun, aim_text, say, sh

_FILES = 5000
_BYTES = 300_000_000
_AIM = 1.0


def _tree(bench: Bench) -> Path:
    """Sizes as in a system: most files small, a few large. The same in every run."""
    tree = bench.work / "tree"
    chance = random.Random(1)
    weights = [chance.paretovariate(1.2) for _ in range(_FILES)]
    unit = _BYTES / sum(weights)
    data = chance.randbytes(1 << 20)
    for i, weight in enumerate(weights):
        directory = tree / f"{i % 10}" / f"{i // 10 % 20:02}"
        directory.mkdir(parents=True, exist_ok=True)
        size = int(weight * unit)
        with open(directory / f"file-{i:04}", "wb") as file:
            while size > 0:
                size -= file.write(data[:size])
    return tree


def _memory(bench: Bench) -> Path:
    """A directory in memory, so that it is not the disk that is measured; on the disk without room there."""
    shm = Path("/dev/shm")
    if not shm.is_dir() or shutil.disk_usage(shm).free < 4 * _BYTES:
        return bench.work
    directory = Path(tempfile.mkdtemp(prefix="execvm-bench-", dir=shm))
    bench.on_exit(lambda: shutil.rmtree(directory, ignore_errors=True))
    return directory


def _list(tree: Path) -> str:
    """What gen_init_cpio is told."""
    lines: list[str] = []
    for where, directories, files in os.walk(tree):
        guest = Path("/") / Path(where).relative_to(tree)
        lines += [f"dir {guest / name} 0755 0 0" for name in directories]
        lines += [f"file {guest / name} {where}/{name} 0644 0 0" for name in files]
    return "\n".join(lines) + "\n"


def _gen_init_cpio(bench: Bench) -> str:
    """Compiled from the kernel's source, once; kept in the user's cache."""
    program = bench.user_cache / "bench/gen_init_cpio"
    if program.exists():
        return str(program)
    archives = sorted(Path("/usr/src").glob("linux-source-6.*.tar.xz"))
    if not archives:
        raise CannotRun("no kernel source in /usr/src (Debian package linux-source-6.12)")
    say("initrd: gen_init_cpio out of the kernel's source")
    program.parent.mkdir(parents=True, exist_ok=True)
    source = bench.work / "gen_init_cpio.c"
    source.write_bytes(sh("tar", "-xOf", str(archives[-1]), "--wildcards", "--occurrence=1", "*/usr/gen_init_cpio.c"))
    sh("cc", "-O2", "-o", f"{bench.work}/gen_init_cpio", str(source))
    sh("cp", f"{bench.work}/gen_init_cpio", str(program))
    return str(program)


def _builds(bench: Bench, command: Command, out: Path) -> Measure:
    """The time of a build; its output is looked at and goes away, which is not counted."""

    def measure() -> float:
        try:
            took = run(command).seconds * 1000
            size = out.stat().st_size
            if not _BYTES * 0.99 < size < _BYTES * 1.02:
                raise RunFailed(f"{command.argv[0]}: {size} bytes")
        finally:
            out.unlink(missing_ok=True)
        return took

    return measure


def _entries(command: Command, out: Path) -> int:
    run(command)
    with open(out, "rb") as archive:
        listed = subprocess.run(["cpio", "-it", "--quiet"], stdin=archive, capture_output=True, check=True).stdout
    out.unlink()
    return sum(b"file-" in name for name in listed.splitlines())


def initrd(bench: Bench, result: Result) -> None:
    say("initrd: the tree")
    tree = _tree(bench)
    (bench.work / "list").write_text(_list(tree))
    out = _memory(bench) / "out.cpio"
    ours = Command([bench.program, "initrd", "build", "--no-check", "--tree", str(tree), "-o", str(out)])
    find = f"find . | cpio --quiet -o -H newc >{out}"
    peers = {
        "GNU cpio": Command(["sh", "-c", find], cwd=str(tree)),
        "bsdtar": Command(["bsdtar", "--format", "newc", "-cf", str(out), "-C", str(tree), "."]),
    }
    try:
        gen = f"{_gen_init_cpio(bench)} {bench.work}/list >{out}"
        peers["gen_init_cpio"] = Command(["sh", "-c", gen])
        result.versions["gen_init_cpio"] = PEERS["kernel source"].version_text()
    except (CannotRun, RunFailed) as error:
        result.leave_out("gen_init_cpio", str(error), aim_text(_AIM, "less"))
    for name, command in [("ours", ours), *peers.items()]:
        try:
            found = _entries(command, out)
        except (OSError, subprocess.CalledProcessError, RunFailed):
            continue  # bench.pair says why it is left out
        if found != _FILES:
            raise RunFailed(f"initrd: {name}: {found} files of {_FILES}")
    for name, command in peers.items():
        bench.pair(
            result,
            10,
            ("`execvm initrd build`", _builds(bench, ours, out)),
            (name, _builds(bench, command, out)),
            aim=_AIM,
            peer=None if name == "gen_init_cpio" else name,
        )
