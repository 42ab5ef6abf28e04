# SPDX-License-Identifier: MIT
"""Images: an import beside mksquashfs alone, a load beside docker's."""

from __future__ import annotations

from pathlib import Path

from ..measure import Command, run, seconds
from ..peers import PEERS
from ..record import Result
from ..setup import Bench, sh

_PACKAGES = "make,gcc,libc6-dev,musl-tools,linux-libc-dev"
_SQUASHFS = (
    *("-tar", "-noappend", "-reproducible", "-exit-on-error", "-no-progress", "-quiet"),
    *("-comp", "zstd", "-Xcompression-level", "6", "-noI", "-mkfs-time", "0"),
)


def _debian_tar(bench: Bench) -> Path:
    """A Debian root of 360 MB, made once by mmdebstrap and kept in the user's cache."""
    tar = bench.user_cache / "roots/bench-debian.tar"
    if tar.exists():
        return tar
    tar.parent.mkdir(parents=True, exist_ok=True)
    made = bench.work / "debian.tar"
    run(
        Command(
            ["mmdebstrap", "--quiet", "--variant=essential", f"--include={_PACKAGES}", "bookworm", str(made)],
            {"SOURCE_DATE_EPOCH": "0"},
            output=None,
        )
    )
    sh("cp", str(made), f"{tar}.new")
    Path(f"{tar}.new").rename(tar)
    return tar


def images(bench: Bench, result: Result) -> None:
    try:
        tar = _debian_tar(bench)
    except OSError:
        result.leave_out("all of it", "no mmdebstrap here")
        return
    result.versions["mksquashfs"] = PEERS["mksquashfs"].version_text()
    image = bench.work / "alone.sqfs"

    def alone() -> float:
        image.write_bytes(b"")
        took = seconds(Command(["mksquashfs", "-", str(image), *_SQUASHFS], stdin=str(tar), output=None))
        return took + seconds(Command(["sync", str(image)]))  # as import does: on the disk in the end

    def imports() -> float:
        return seconds(Command([bench.program, "image", "import", "file"], stdin=str(tar), output=None))

    def pipes() -> float:
        text = 'cat "$1" | "$2" image import pipe'
        return seconds(Command(["sh", "-c", text, "sh", str(tar), bench.program], output=None))

    bench.pair(result, 3, ("`execvm image import`", imports), ("`mksquashfs`", alone), unit="s", name="from a file")
    bench.pair(result, 3, ("`execvm image import`", pipes), ("`mksquashfs`", alone), unit="s", name="from a pipe")
    _load(bench, result, tar)


def _load(bench: Bench, result: Result, tar: Path) -> None:
    archive = bench.work / "image.tar"

    def ready() -> None:
        if not archive.exists():
            bench.docker()
            sh("docker", "import", str(tar), "big:1")
            sh("docker", "save", "-o", str(archive), "big:1")

    def docker() -> float:
        ready()
        sh("docker", "rmi", "-f", "big:1")
        return seconds(Command(["docker", "load", "-q", "-i", str(archive)], output=None))

    def load() -> float:
        ready()
        return seconds(Command([bench.program, "image", "load", "-i", str(archive)], output=None))

    bench.pair(
        result,
        3,
        ("`execvm image load`", load),
        ("`docker load`, which does not compress", docker),
        unit="s",
        name="a docker archive",
        peer="docker",
    )
