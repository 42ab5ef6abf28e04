# SPDX-License-Identifier: MIT
"""The programs that are compared: how each is found, the Debian package that has it, and what says its
version. What is missing is left out by name; nothing is ever estimated."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass

_PATH = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin:/usr/lib/execline/bin"


@dataclass(frozen=True)
class Peer:
    program: str
    package: str
    version: tuple[str, ...] = ()  # words that print it; none: that of the package

    def path(self) -> str | None:
        return shutil.which(self.program, path=_PATH)

    def missing(self) -> str | None:
        """None, or why it cannot be run."""
        return None if self.path() else f"no {self.program} here (Debian package {self.package})"

    def version_text(self) -> str:
        if self.version:
            return _first_line(list(self.version)) or "unknown"
        query = ["dpkg-query", "-W", "-f", "${Version}", self.package]
        return f"{self.package} {_first_line(query) or 'unknown'}"


def _first_line(argv: list[str]) -> str:
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    lines = (done.stdout or done.stderr).strip().splitlines()
    return lines[0].strip() if lines else ""


PEERS = {
    "bare QEMU": Peer("qemu-system-x86_64", "qemu-system-x86", ("qemu-system-x86_64", "--version")),
    "docker": Peer("dockerd", "docker.io", ("docker", "--version")),
    "fakemachine": Peer("fakemachine", "fakemachine"),
    "libguestfs": Peer("guestfish", "libguestfs-tools", ("guestfish", "--version")),
    "bubblewrap": Peer("bwrap", "bubblewrap", ("bwrap", "--version")),
    "systemd-nspawn": Peer("systemd-nspawn", "systemd-container", ("systemd-nspawn", "--version")),
    "dash": Peer("dash", "dash"),
    "execline": Peer("foreground", "execline"),
    "GNU cpio": Peer("cpio", "cpio", ("cpio", "--version")),
    "bsdtar": Peer("bsdtar", "libarchive-tools", ("bsdtar", "--version")),
    "kernel source": Peer("gen_init_cpio", "linux-source-6.12"),
    "ssh": Peer("sshd", "openssh-server", ("ssh", "-V")),
    "mksquashfs": Peer("mksquashfs", "squashfs-tools", ("mksquashfs", "-version")),
}
