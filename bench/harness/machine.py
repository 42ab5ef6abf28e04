# SPDX-License-Identifier: MIT
"""QEMU command lines: that of a bare machine, and that of execvm with one thing changed.

Both start from what execvm itself would start, so they cannot drift from it.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from .measure import Command, run
from .setup import Bench, CannotRun, sh


class Edit(NamedTuple):
    """In each word that has OLD it becomes NEW; with `whole`, in a word that is OLD. A word that
    becomes empty goes."""

    old: str
    new: str = ""
    whole: bool = False


def dry_run(bench: Bench, *words: str) -> list[str]:
    """What `execvm run WORDS -- /bin/true` would start. The first line is QEMU."""
    argv = [bench.program, "run", "--dry-run", *words, "--", "/bin/true"]
    return shlex.split(run(Command(argv, output=None)).stdout.decode().splitlines()[0])


def accelerator(bench: Bench) -> str:
    argv = dry_run(bench)
    return argv[argv.index("-accel") + 1]


def bare(bench: Bench, idle: bool = False, devices: bool = False, initrd: bool = False) -> Command:
    """The same machine, kernel and parameters; no devices, and an init that does one thing. With
    `devices`: ours, with nobody at their ends; with `initrd`: ours, in front of the one with that init."""
    argv = dry_run(bench)
    if devices:
        argv = [re.sub(r"^socket,(id=\w+),fd=\d+$", r"null,\1", word) for word in argv]
    else:
        argv = _without(argv, "-chardev", "-device", "-drive", "-netdev")
    at = argv.index("-initrd") + 1
    if initrd:
        run(bench.vm("--", "/bin/true"))  # makes it
        both = bench.work / "both.cpio"
        both.write_bytes(Path(argv[at]).read_bytes() + Path(bench.bare_initrd()).read_bytes())
        argv[at] = str(both)
    else:
        argv[at] = bench.bare_initrd()
    at = argv.index("-append") + 1
    argv[at] = _parameters(argv[at]) + (" -- idle" if idle else "")
    return Command(argv, output=None)


def bare_root(bench: Bench) -> Command:
    """The same with the busybox root as its root, no initrd, and `reboot -f` as init."""
    root = str(bench.root().image)
    argv = _without(dry_run(bench), "-chardev", "-device", "-drive", "-netdev", "-initrd")
    argv += ["-drive", f"if=none,id=root,file={root},format=raw,readonly=on"]
    argv += ["-device", "virtio-blk-device,drive=root"]
    at = argv.index("-append") + 1
    words = [w for w in _parameters(argv[at]).split() if not w.startswith("rdinit=")]
    argv[at] = " ".join([*words, "root=/dev/vda ro rootfstype=squashfs init=/sbin/reboot -- -f"])
    return Command(argv, output=None)


def _without(argv: list[str], *options: str) -> list[str]:
    left: list[str] = []
    words = iter(argv)
    for word in words:
        if word in options:
            next(words)
        else:
            left.append(word)
    return left


def _parameters(append: str) -> str:
    """Those of the kernel, not those of our init."""
    return " ".join(w for w in append.split() if not w.startswith("execvm."))


@dataclass(frozen=True)
class Change:
    """One thing that is different from the standard run."""

    name: str
    edits: tuple[Edit, ...] = ()
    append: tuple[str, ...] = ()  # further words of QEMU
    options: tuple[str, ...] = ()  # of execvm run


def wrapper(bench: Bench, change: Change, path: Path) -> str:
    """A script for $EXECVM_QEMU that starts QEMU with the change. The standard run has one, too,
    without a change, so that what the script costs is on both sides."""
    standard = dry_run(bench, *change.options)
    for edit in change.edits:
        if not any(edit.old == word if edit.whole else edit.old in word for word in standard):
            raise CannotRun(f"the standard run has no {edit.old.strip()}")
    lines = ["#!/bin/sh", "for word; do", "\tshift", "\tbefore=$word"]
    for edit in change.edits:
        o, n = shlex.quote(edit.old), shlex.quote(edit.new)
        if edit.whole:
            lines.append(f"\tcase $word in {o}) word={n} ;; esac")
        else:
            lines.append(f"\tcase $word in *{o}*) word=${{word%%{o}*}}{n}${{word#*{o}}} ;; esac")
    lines += ['\t[ -z "$word" ] && [ -n "$before" ] || set -- "$@" "$word"', "done"]
    lines.append(f'exec {shlex.quote(standard[0])} "$@" {shlex.join(change.append)}')
    path.write_text("\n".join(lines) + "\n")
    path.chmod(0o755)
    return str(path)


def packed_initrd(bench: Bench, *packer: str) -> tuple[Edit, ...]:
    """The standard run's initrd, compressed."""
    argv = dry_run(bench)
    initrd = argv[argv.index("-initrd") + 1]
    run(bench.vm("--", "/bin/true"))  # makes it
    packed = bench.work / f"initrd.{packer[0]}"
    packed.write_bytes(sh(*packer, initrd))
    return (Edit(initrd, str(packed), whole=True),)
