# SPDX-License-Identifier: MIT
"""Whole runs of /bin/true, from the start of the process to its end, beside other programs'."""

from __future__ import annotations

import os

from ..machine import accelerator, bare, bare_root
from ..measure import Command, Measure
from ..record import Result
from ..setup import SOURCE, Bench, CannotRun, milliseconds, say

NO_WARM = "this build has no --warm"
_DOCKER = ["docker", "run", "--rm", "--network=none", "bench", "/bin/true"]


def _docker(bench: Bench) -> Measure:
    def measure() -> float:
        bench.docker()
        return milliseconds(Command(_DOCKER))()

    return measure


def true_warm(bench: Bench, result: Result) -> None:
    if not bench.has_warm():
        result.leave_out("`execvm run --warm`", NO_WARM, "≤ 0.5")
        return
    root = str(bench.root().image)
    warm = ("`execvm run --warm --root`", milliseconds(bench.vm("--warm", "--root", root, "--", "/bin/true")))
    cold = ("`execvm run --root`", milliseconds(bench.vm("--root", root, "--", "/bin/true")))
    warm[1]()  # makes the template
    bench.pair(result, 20, warm, ("`docker run`", _docker(bench)), aim=0.5, peer="docker")
    bench.pair(result, 20, warm, cold)


def true_cold(bench: Bench, result: Result) -> None:
    root = str(bench.root().image)
    plain = ("`execvm run`", milliseconds(bench.vm("--", "/bin/true")))
    rooted = ("`execvm run --root`", milliseconds(bench.vm("--root", root, "--", "/bin/true")))
    bare_one = ("bare QEMU", milliseconds(bare(bench)))
    bare_two = ("bare QEMU, the same root", milliseconds(bare_root(bench)))
    bench.pair(result, 30, plain, bare_one, aim=1.15, peer="bare QEMU")
    bench.pair(result, 30, rooted, bare_two, aim=1.15, peer="bare QEMU")
    # The parts of the difference.
    devices = ("bare QEMU, with our devices", milliseconds(bare(bench, devices=True)))
    initrd = ("bare QEMU, with our initrd", milliseconds(bare(bench, initrd=True)))
    bench.pair(result, 20, devices, bare_one, peer="bare QEMU")
    bench.pair(result, 20, initrd, bare_one, peer="bare QEMU")


def true_peers(bench: Bench, result: Result) -> None:
    root = str(bench.root().image)
    cold = ("`execvm run --root`", milliseconds(bench.vm("--root", root, "--", "/bin/true")))
    bench.pair(result, 20, cold, ("`docker run`", _docker(bench)), peer="docker")
    bench.pair(result, 3, cold, ("fakemachine", _fakemachine(bench)), aim=0.2, peer="fakemachine")
    # The same accelerator as ours: where KVM is there and does not work, libguestfs would believe it.
    env = {"LIBGUESTFS_BACKEND": "direct", "LIBGUESTFS_CACHEDIR": str(bench.work)}
    if accelerator(bench) == "tcg":
        env["LIBGUESTFS_BACKEND_SETTINGS"] = "force_tcg"
    guestfish = Command(["guestfish", "--ro", "-a", root, "run"], env)
    bench.pair(result, 5, cold, ("guestfish", milliseconds(guestfish)), aim=0.2, peer="libguestfs")


def _fakemachine(bench: Bench) -> Measure:
    script = str(SOURCE / "bench/fakemachine")
    env = {"WORK": str(bench.work), "CACHE": str(bench.user_cache / "bench")}
    prepare = Command([script, "--prepare"], env, output=None)
    backend = "kvm" if accelerator(bench) == "kvm" else "qemu"
    command = Command([script, "-q", "-b", backend, "/bin/true"], env, output=None)
    prepared: list[bool] = []

    def measure() -> float:
        if os.getuid() != 0:
            raise CannotRun("it needs root to be given a kernel that it can use")
        if not prepared:
            say("true-peers: a kernel for fakemachine")
            milliseconds(prepare)()
            prepared.append(True)
        return milliseconds(command)()

    return measure


def floor(bench: Bench, result: Result) -> None:
    root = bench.root()
    directory = str(root.directory)
    warm = ["--warm"] if bench.has_warm() else []
    name = "`execvm run --warm --root`" if warm else "`execvm run --root`"
    ours = (name, milliseconds(bench.vm(*warm, "--root", str(root.image), "--", "/bin/true")))
    ours[1]()
    bwrap = ["bwrap", "--unshare-all", "--ro-bind", directory, "/", "--proc", "/proc", "--dev", "/dev"]
    bench.pair(result, 20, ours, ("`bwrap`", milliseconds(Command([*bwrap, "/bin/true"]))), peer="bubblewrap")
    nspawn = ["systemd-nspawn", "-q", "--register=no", "--keep-unit", "-D", directory]
    command = Command([*nspawn, "/bin/true"])
    bench.pair(result, 20, ours, ("`systemd-nspawn`", milliseconds(command)), peer="systemd-nspawn")
