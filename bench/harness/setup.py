# SPDX-License-Identifier: MIT
"""What a run of the benchmarks needs around it: one directory, the roots, the daemons of peers.

Everything temporary is below `work` and goes with it, on every way out; a daemon is stopped before.
The caches of the program that is measured are there, too: only the kernel is the user's.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from .measure import Command, Measure, RunFailed, run, seconds, take_turns
from .peers import PEERS
from .record import Group, Result

SOURCE = Path(__file__).resolve().parents[2]
_T = TypeVar("_T")


class CannotRun(Exception):
    """A peer that is there and does not run here; the text says why."""


@dataclass(frozen=True)
class Root:
    """One small root, in the forms that the programs take."""

    image: Path
    directory: Path
    tar: Path


class Bench:
    def __init__(self, quick: bool) -> None:
        self.quick = quick
        self._stack = ExitStack()
        self._made: dict[str, object] = {}
        self.build = Path(os.environ.get("BUILD") or SOURCE / "build").resolve()
        self.user_cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "execvm"
        self.program = str(self.build / "host/execvm")
        self.guest = str(self.build / "guest/execvm")
        self.true = str(self.build / "helpers/exit-with")  # tiny and static; one argument, the status

    def __enter__(self) -> Bench:
        for signum in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(signum, _leave)
        base = os.environ.get("TMPDIR") or "/var/tmp"
        self.work = Path(tempfile.mkdtemp(prefix="execvm-bench-", dir=base))
        self._stack.callback(shutil.rmtree, self.work, ignore_errors=True)
        cache = self.work / "cache/execvm"
        cache.mkdir(parents=True)
        (cache / "kernel").symlink_to(self.user_cache / "kernel")
        os.environ["XDG_CACHE_HOME"] = str(self.work / "cache")
        os.environ["XDG_DATA_HOME"] = str(self.work / "data")
        for name in [n for n in os.environ if n.startswith("EXECVM_")]:
            del os.environ[name]
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def on_exit(self, function: Callable[[], object]) -> None:
        self._stack.callback(function)

    # How often.

    def rounds(self, full: int) -> int:
        return min(full, 2) if self.quick else full

    def pair(
        self,
        result: Result,
        rounds: int,
        subject: tuple[str, Measure],
        other: tuple[str, Measure],
        *,
        unit: str = "ms",
        better: str = "less",
        aim: float | None = None,
        name: str = "",
        peer: str | None = None,
    ) -> Group | None:
        """Two kinds of run, in turn. With a peer that is missing or does not run here: left out."""
        if peer is not None:
            why = PEERS[peer].missing()
            if why is None:
                result.versions[peer] = PEERS[peer].version_text()
        else:
            why = None
        if why is None:
            say(f"{result.figure}: {' '.join(filter(None, [name, subject[0], 'beside', other[0]]))}")
            try:
                other[1]()  # one of each comes before and counts not; the peer may not run at all
            except (RunFailed, CannotRun) as error:
                why = "does not run here: " + str(error).strip().splitlines()[-1][:200]
        if why is not None:
            result.leave_out(f"{name} {other[0]}".strip(), why, aim_text(aim, better))
            return None
        subject[1]()
        samples = take_turns(self.rounds(rounds), dict([subject, other]), warm_up=False)
        group = Group(samples, unit, name, better, {} if aim is None else {other[0]: aim})
        result.groups.append(group)
        return group

    # execvm, as a reader would call it.

    def vm(self, *words: str, env: dict[str, str] | None = None) -> Command:
        return Command([self.program, "run", *words], env or {})

    def has_warm(self) -> bool:
        return b"--warm" in self._once("help", lambda: run(Command([self.program, "run", "--help"], output=None))).stdout

    # Things that are made when they are first asked for.

    def _once(self, key: str, make: Callable[[], _T]) -> _T:
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]  # type: ignore[return-value]

    def root(self) -> Root:
        """Busybox: a squashfs image, its directory, its tar."""
        return self._once("root", self._make_root)

    def _make_root(self) -> Root:
        image = make_root("busybox", self.user_cache)
        directory = self.work / "root"
        tar = self.work / "root.tar"
        sh("unsquashfs", "-q", "-n", "-f", "-d", str(directory), str(image))
        sh("tar", "-C", str(directory), "-cf", str(tar), ".")
        return Root(image, directory, tar)

    def bare_initrd(self) -> str:
        """An initrd with bench/reset.c in it, which resets the machine at once."""
        return self._once("bare", self._make_bare_initrd)

    def _make_bare_initrd(self) -> str:
        reset = self.work / "reset"
        sh("musl-gcc", "-static", "-Os", "-s", "-o", str(reset), str(SOURCE / "bench/reset.c"))
        initrd = self.work / "bare.cpio"
        sh(self.program, "initrd", "build", "--add", f"{reset}=/init,mode=755", "-o", str(initrd))
        return str(initrd)

    def docker(self) -> str:
        """A dockerd of our own, without a network, and in it `bench`, the busybox root. Its socket."""
        return self._once("docker", self._start_docker)

    def _start_docker(self) -> str:
        dockerd = PEERS["docker"].path()
        if dockerd is None or os.getuid() != 0:
            raise CannotRun("no dockerd" if dockerd is None else "dockerd needs root")
        home = self.work / "docker"
        home.mkdir()
        os.environ["DOCKER_HOST"] = f"unix://{home}/sock"
        os.environ["DOCKER_CONFIG"] = str(home / "config")
        argv = [dockerd, "--data-root", f"{home}/data", "--exec-root", f"{home}/exec", "-p", f"{home}/pid"]
        argv += ["-H", os.environ["DOCKER_HOST"], "--iptables=false", "--bridge=none"]
        with open(home / "log", "wb") as log:
            daemon = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.on_exit(lambda: _stop_docker(daemon))
        if not _answers(daemon, ["docker", "version"]):
            raise CannotRun("dockerd does not start: " + (home / "log").read_text()[-200:])
        sh("docker", "import", str(self.root().tar), "bench")
        return os.environ["DOCKER_HOST"]

    def sshd(self) -> list[str]:
        """An sshd of our own, on loopback. The words of ssh that lead there."""
        return self._once("sshd", self._start_sshd)

    def _start_sshd(self) -> list[str]:
        sshd = PEERS["ssh"].path()
        if sshd is None or os.getuid() != 0:
            raise CannotRun("no sshd" if sshd is None else "sshd needs root")
        home = self.work / "ssh"
        home.mkdir()
        Path("/run/sshd").mkdir(exist_ok=True)
        for key in ("host", "user"):
            sh("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(home / key))
        port = 20000 + os.getpid() % 20000
        config = [
            *("ListenAddress 127.0.0.1", f"HostKey {home}/host", f"AuthorizedKeysFile {home}/user.pub"),
            *("StrictModes no", "UsePAM no", "PasswordAuthentication no", "PermitRootLogin yes"),
            *("PrintMotd no", "MaxStartups 200", f"PidFile {home}/pid"),
        ]
        (home / "config").write_text("\n".join(config) + "\n")
        (home / "known").write_text(f"[127.0.0.1]:{port} {(home / 'host.pub').read_text()}")
        argv = [sshd, "-D", "-e", "-f", f"{home}/config", "-p", str(port)]
        with open(home / "log", "wb") as log:
            daemon = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.on_exit(lambda: _stop(daemon))
        words = ["-F/dev/null", f"-p{port}", f"-i{home}/user", "-oIdentitiesOnly=yes"]
        words += [f"-oUserKnownHostsFile={home}/known"]
        if not _answers(daemon, ["ssh", *words, "root@127.0.0.1", "true"]):
            raise CannotRun("sshd does not start here")
        return words


def _leave(signum: int, _frame: object) -> None:
    raise SystemExit(128 + signum)


def _answers(daemon: subprocess.Popen[bytes], argv: list[str]) -> bool:
    for _ in range(200):
        if daemon.poll() is not None:
            return False
        if subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0:
            return True
        time.sleep(0.1)
    return False


def _stop(daemon: subprocess.Popen[bytes]) -> None:
    daemon.terminate()
    try:
        daemon.wait(timeout=30)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait()


def _stop_docker(daemon: subprocess.Popen[bytes]) -> None:
    left = subprocess.run(["docker", "ps", "-aq"], capture_output=True, text=True, check=False).stdout.split()
    if left:  # dockerd would be patient with them
        subprocess.run(["docker", "rm", "-f", *left], capture_output=True, check=False)
    _stop(daemon)


def sh(*argv: str, cwd: str | None = None) -> bytes:
    """What prepares a figure and is not measured."""
    return run(Command(argv, output=None, cwd=cwd)).stdout


def own_version() -> str:
    """VERSION, and the commit where this is a clone."""
    version = (SOURCE / "VERSION").read_text().strip()
    git = ["git", "-C", str(SOURCE), "describe", "--always", "--dirty", "--exclude=*"]
    try:
        commit = subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return version
    return f"{version}, commit {commit}"


def make_root(kind: str, user_cache: Path) -> Path:
    """demo/make-root, with the user's cache: it keeps what it has made."""
    env = {"XDG_CACHE_HOME": str(user_cache.parent)}
    made = run(Command([str(SOURCE / "demo/make-root"), kind], env, output=None))
    return Path(made.stdout.decode().strip().splitlines()[-1])


def milliseconds(command: Command) -> Measure:
    return lambda: seconds(command) * 1000


def aim_text(aim: float | None, better: str) -> str:
    if aim is None:
        return ""
    return f"{'≤' if better == 'less' else '≥'} {aim:g}"


def say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)
