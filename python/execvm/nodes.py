# SPDX-License-Identifier: MIT
"""The stages of a block, as values.

They are made and checked by the functions of execvm.blocks and by Block.from_json(). json() of each
is its node without the "output"; repr() is the expression that makes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Tuple, Union

from .words import Env, encode

if TYPE_CHECKING:
    from .blocks import Runner

# JSON is written and read by recursion, and so are chains here.
MAX_CHAIN_DEPTH = 64

Words = Tuple[str, ...]


@dataclass(frozen=True, repr=False)
class Chain:
    """Commands that run one after the other in one runner; the first that fails ends it."""

    commands: tuple[Words | Chain, ...]

    def __post_init__(self) -> None:
        if self.depth() > MAX_CHAIN_DEPTH:
            raise ValueError(f"chains nested more than {MAX_CHAIN_DEPTH} deep")

    def depth(self) -> int:
        return 1 + max(c.depth() if isinstance(c, Chain) else 0 for c in self.commands)

    def json(self) -> dict[str, Any]:
        commands = [
            c.json() if isinstance(c, Chain) else [encode(w) for w in c] for c in self.commands
        ]
        return {"type": "Chain", "commands": commands}

    def __repr__(self) -> str:
        commands = (repr(c if isinstance(c, Chain) else list(c)) for c in self.commands)
        return f"chain({', '.join(commands)})"


@dataclass(frozen=True, repr=False)
class Command:
    """A program, or a chain of them, in a runner; None is the run's runner."""

    program: Words | Chain
    env: Env = ()
    cwd: str | None = None
    runner: Runner | None = None

    def json(self) -> dict[str, Any]:
        if isinstance(self.program, Chain):
            node = self.program.json()
        else:
            node = {"type": "Command", "args": [encode(w) for w in self.program]}
        if self.env:
            node["env"] = {name: encode(value) for name, value in self.env}
        if self.cwd is not None:
            node["cwd"] = encode(self.cwd)
        if self.runner is not None:
            node["runner"] = self.runner.json()
        return node

    def __repr__(self) -> str:
        program = self.program
        words = [repr(w) for w in ((program,) if isinstance(program, Chain) else program)]
        if self.env:
            words.append(f"env={dict(self.env)!r}")
        if self.cwd is not None:
            words.append(f"cwd={self.cwd!r}")
        runner = "" if self.runner is None else f"{self.runner!r}."
        return f"{runner}command({', '.join(words)})"


@dataclass(frozen=True, repr=False)
class Tar:
    """A tar archive of local files."""

    files: Words
    compression: str | None = None
    deterministic: bool = False

    def json(self) -> dict[str, Any]:
        node: dict[str, Any] = {"type": "Tar", "files": [encode(f) for f in self.files]}
        if self.compression is not None:
            node["compression"] = self.compression
        if self.deterministic:
            node["deterministic"] = True
        return node

    def __repr__(self) -> str:
        words = [repr(f) for f in self.files]
        if self.compression is not None:
            words.append(f"compress={self.compression!r}")
        if self.deterministic:
            words.append("deterministic=True")
        return f"tar({', '.join(words)})"


@dataclass(frozen=True, repr=False)
class DockerBuild:
    """docker build with stdin as the context; gives the image's id."""

    tag: str
    file: str | None = None

    def json(self) -> dict[str, Any]:
        node: dict[str, Any] = {"type": "DockerBuild", "tag": encode(self.tag)}
        if self.file is not None:
            node["file"] = encode(self.file)
        return node

    def __repr__(self) -> str:
        file = "" if self.file is None else f", file={self.file!r}"
        return f"docker_build({self.tag!r}{file})"


@dataclass(frozen=True, repr=False)
class File:
    """A local file that gets the output when every stage has succeeded."""

    name: str

    def json(self) -> dict[str, Any]:
        return {"type": "File", "name": encode(self.name)}

    def __repr__(self) -> str:
        return f"to_file({self.name!r})"


Stage = Union[Command, Tar, DockerBuild, File]
