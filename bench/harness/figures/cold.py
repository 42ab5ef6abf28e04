# SPDX-License-Identifier: MIT
"""Where the time of a cold run goes, and what each choice in it costs or saves."""

from __future__ import annotations

import re
from pathlib import Path

from ..machine import Change, Edit, dry_run, packed_initrd, wrapper
from ..measure import Command, RunFailed, run, take_turns
from ..record import Group, Result
from ..setup import Bench, CannotRun, milliseconds, say

_STAGES = ("QEMU start", "first contact", "command start", "command end", "machine gone")


def stages(bench: Bench, result: Result) -> None:
    """The medians of --timings, and of what init says in the kernel log of its stages."""
    say("stages")
    root = str(bench.root().image)
    kinds = {
        "busybox in the initrd": bench.vm("--timings", "--", "/bin/true"),
        "squashfs root, overlay": bench.vm("--root", root, "--timings", "--", "/bin/true"),
    }
    if bench.has_warm():
        kinds["warm"] = bench.vm("--warm", "--root", root, "--timings", "--", "/bin/true")
    for command in kinds.values():
        run(command)
    rows = {stage: {kind: [] for kind in kinds} for stage in _STAGES}  # type: dict[str, dict[str, list[float]]]
    init: list[float] = []
    for _ in range(bench.rounds(20)):
        for kind, command in kinds.items():
            said = run(command).stderr.decode()
            for stage in _STAGES:
                found = re.search(rf"(\d+) ms  {stage}$", said, re.MULTILINE)
                if found:
                    rows[stage][kind].append(float(found[1]))
        log = run(bench.vm("--debug", "--", "/bin/true")).stderr.decode(errors="replace")
        times = re.findall(r"^\[ *([\d.]+)\] execvm: debug: (?:early mounts|network): done", log, re.MULTILINE)
        if len(times) == 2:
            init.append((float(times[1]) - float(times[0])) * 1000)
    for stage, samples in rows.items():
        result.groups.append(Group({k: v for k, v in samples.items() if v}, "ms", stage))
    if init:
        result.groups.append(Group({next(iter(kinds)): init}, "ms", "init, first stage to last (kernel log)"))


def _changes(bench: Bench) -> list[Change]:
    standard = dry_run(bench)
    two = dry_run(bench, "--cpus", "2")
    several = two[two.index("-kernel") + 1]
    sandbox = standard[standard.index("-sandbox") + 1] if "-sandbox" in standard else "-sandbox"
    cpu = standard[standard.index("-cpu") + 1]
    microvm = "microvm,acpi=off"
    memory = (Edit(microvm, f"{microvm},memory-backend=ram"),)

    def parameter(word: str) -> tuple[Edit, ...]:
        return (Edit(f" {word}"),)

    return [
        Change("nothing"),
        Change("the kernel for several CPUs", options=("--kernel", several)),
        Change("the same without noreplace-smp", parameter("noreplace-smp"), options=("--kernel", several)),
        Change("without nolapic_timer", parameter("nolapic_timer")),
        Change("without tsc=reliable", parameter("tsc=reliable")),
        Change("without no_timer_check", parameter("no_timer_check")),
        Change("without random.trust_cpu=on", parameter("random.trust_cpu=on")),
        Change("loglevel=7, on virtio-console", (Edit("loglevel=4", "loglevel=7"),)),
        Change("quiet in the place of loglevel=4", (Edit("loglevel=4", "quiet"),)),
        Change("log on an emulated UART (--boot-log)", options=("--boot-log",)),
        Change("an idle UART (isa-serial=on)", (Edit("isa-serial=off", "isa-serial=on"),)),
        Change("x-option-roms=on", (Edit("x-option-roms=off", "x-option-roms=on"),)),
        Change("with ACPI", (Edit(microvm, "microvm,acpi=on"),)),
        Change("without -sandbox", (Edit("-sandbox", whole=True), Edit(sandbox, whole=True))),
        Change("-cpu max, with erms", (Edit(cpu, "max", whole=True),)),
        Change("-cpu qemu64", (Edit(cpu, "qemu64", whole=True),)),
        Change("thread=single", (Edit("tcg", "tcg,thread=single", whole=True),)),
        Change("tb-size=512", (Edit("tcg", "tcg,tb-size=512", whole=True),)),
        Change("-m 128M", options=("-m", "128M")),
        Change("-m 1G", options=("-m", "1G")),
        Change("--cpus 2", options=("--cpus", "2")),
        Change("memory allocated beforehand", memory, ("-object", "memory-backend-ram,id=ram,size=256M,prealloc=on")),
        Change("memory of a memfd, in small pages", memory, ("-object", "memory-backend-memfd,id=ram,size=256M,share=on")),
        Change(
            "huge pages",
            memory,
            ("-object", "memory-backend-file,id=ram,size=256M,mem-path=/dev/hugepages,prealloc=on"),
        ),
    ]


def _free_huge_pages() -> int:
    text = Path("/proc/meminfo").read_text()
    free = re.search(r"HugePages_Free: *(\d+)", text)
    size = re.search(r"Hugepagesize: *(\d+) kB", text)
    return int(free[1]) * int(size[1]) * 1024 if free and size else 0


def changes(bench: Bench, result: Result) -> None:
    standard = bench.vm("--", "/bin/true", env={"EXECVM_QEMU": wrapper(bench, Change("standard"), bench.work / "qemu-standard")})
    run(standard)
    todo = _changes(bench)
    for packer in (("gzip", "-c"), ("lz4", "-l", "-c")):
        try:
            todo.append(Change(f"initrd packed by {packer[0]}", packed_initrd(bench, *packer)))
        except OSError:
            result.leave_out(f"initrd packed by {packer[0]}", f"no {packer[0]} here")
    for i, change in enumerate(todo):
        if change.name == "huge pages" and _free_huge_pages() < 256 << 20:
            result.leave_out(change.name, "this host has no 256 MB of them set apart (vm.nr_hugepages)")
            continue
        try:
            qemu = wrapper(bench, change, bench.work / f"qemu-{i}")
        except CannotRun as error:
            result.leave_out(change.name, str(error))
            continue
        changed = bench.vm(*change.options, "--", "/bin/true", env={"EXECVM_QEMU": qemu})
        try:
            run(changed)
        except RunFailed as error:
            result.leave_out(change.name, str(error).strip().splitlines()[-1][:200])
            continue
        # The change is what is looked at: its time over that of the standard run.
        bench.pair(result, 20, (change.name, milliseconds(changed)), ("the standard run", milliseconds(standard)))


def options(bench: Bench, result: Result) -> None:
    """What an option costs a whole run of /bin/true."""
    shared = bench.work / "shared"
    shared.mkdir(exist_ok=True)
    (shared / "file").write_text("hello\n")
    disk = bench.work / "disk"
    disk.write_bytes(bytes(1 << 20))
    root = str(bench.root().image)
    plain = bench.vm("--", "/bin/true")
    kinds: list[tuple[str, Command]] = [
        ("nothing", plain),
        ("--disk", bench.vm("--disk", f"{disk}=/dev/vdb,ro", "--", "/bin/true")),
        ("--root", bench.vm("--root", root, "--", "/bin/true")),
        ("--network user", bench.vm("--network", "user", "--", "/bin/true")),
        ("-v, 9p", bench.vm("-v", f"{shared}:/x", "--", "/bin/true", env={"EXECVM_VIRTIOFSD": "none"})),
        ("-v, virtiofs", bench.vm("-v", f"{shared}:/x", "--", "/bin/true")),
        ("--in a file", bench.vm("--in", f"{shared}/file=/x", "--", "/bin/true")),
        ("--in a directory", bench.vm("--in", f"{shared}=/x", "--", "/bin/true")),
        ("--out a file", bench.vm("--out", f"/etc/passwd={bench.work}/out", "--", "/bin/true")),
    ]
    for name, command in kinds:
        say(f"options: {name}")
        samples = take_turns(
            bench.rounds(8), {name: milliseconds(command), "the standard run": milliseconds(plain)}
        )
        result.groups.append(Group(samples, "ms"))
