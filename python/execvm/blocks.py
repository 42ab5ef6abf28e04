# SPDX-License-Identifier: MIT
"""Blocks, the runners that bind commands, and the functions that make them."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from typing import Any, Literal, Mapping, Sequence

from .errors import MAX_STAGES, BlockError, TooManyStages
from .nodes import Chain, Command, DockerBuild, File, Stage, Tar
from .result import Result
from .running import execute
from .words import Word, environment, is_utf8, to_bytes, to_text, word, word_list

Compression = Literal["gzip", "xz", "zstd", "bzip2", "none"]
COMPRESSIONS = ("gzip", "xz", "zstd", "bzip2", "none")


@dataclass(frozen=True, init=False, repr=False)
class Runner:
    """Where commands run: the name of a runner, or a machine description as `execvm run` reads it.

    The program checks what is in a description.
    """

    # JSON with sorted keys: it cannot be changed, and equal descriptions are equal and hash so.
    _text: str

    def __init__(self, description: str | Mapping[str, Any]) -> None:
        object.__setattr__(self, "_text", _runner_text(description))

    def command(
        self,
        *words: Word | Chain,
        env: Mapping[str, Word] | None = None,
        cwd: Word | None = None,
    ) -> Block:
        """A block of one command, which runs here."""
        return _command(words, env, cwd, self)

    def json(self) -> str | dict[str, Any]:
        value: str | dict[str, Any] = json.loads(self._text)
        return value

    def __repr__(self) -> str:
        return f"Runner({self.json()!r})"


def _runner_text(description: str | Mapping[str, Any]) -> str:
    if isinstance(description, Mapping):
        name = description.get("runner", "")
        description = name if set(description) == {"runner"} else dict(description)
    else:
        name = description
    if not isinstance(name, str):
        raise TypeError(f"the name of a runner must be str, not {type(name).__name__}")
    try:
        text = json.dumps(description, sort_keys=True, allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"the description of a runner is not JSON: {error}") from None
    if not is_utf8(text):
        raise ValueError("the description of a runner is not UTF-8")
    return text


@dataclass(frozen=True, repr=False)
class Block:
    """Stages that a pipe joins: a value that can be run, combined and written as JSON.

    `a | b` pipes a into b, `a > "name"` into a file. Neither changes a or b.
    """

    stages: tuple[Stage, ...]

    def __post_init__(self) -> None:
        if len(self.stages) > MAX_STAGES:
            raise TooManyStages()
        if not self.stages:
            raise BlockError("a block has at least one stage")
        for stage in self.stages[:-1]:
            if isinstance(stage, File):
                raise BlockError(f"{stage!r} is not the last stage")

    def __or__(self, other: Block) -> Block:
        if isinstance(other, (str, bytes, os.PathLike)):
            raise TypeError(f"| takes a block; into a file it is: block > {other!r}")
        if not isinstance(other, Block):
            return NotImplemented
        return Block(self._open("|") + other.stages)

    def __gt__(self, name: Word) -> Block:
        if isinstance(name, Block):
            raise TypeError("> takes the name of a file; into a block it is: a | b")
        return Block(self._open(">") + (File(word(name, "the name of a file")),))

    def __bool__(self) -> bool:
        raise TypeError(
            "a block is neither true nor false; `x > 'f' > 'g'` asks for that, as a comparison of "
            "three: write one file, `x > 'f'`"
        )

    def _open(self, operator: str) -> tuple[Stage, ...]:
        last = self.stages[-1]
        if isinstance(last, File):
            raise TypeError(
                f"{operator} after the file {last.name!r}: a block ends with its file; write one "
                "file, last: a | b > 'f'"
            )
        return self.stages

    def __repr__(self) -> str:
        *first, last = self.stages
        if first and isinstance(last, File):
            return f"{' | '.join(map(repr, first))} > {last.name!r}"
        return " | ".join(map(repr, self.stages))

    def json(self) -> dict[str, Any]:
        """The block as JSON data: the first node, in its "output" the next, and so on."""
        node: dict[str, Any] | None = None
        for stage in reversed(self.stages):
            output, node = node, stage.json()
            if output is not None:
                node["output"] = output
        assert node is not None
        return node

    @staticmethod
    def from_json(source: str | bytes | Mapping[str, Any]) -> Block:
        """The block that JSON text or data describes; nodes need no "type".

        Raises BlockError with the JSON path of what is wrong.
        """
        from .reading import read_stages  # it makes runners, so it imports this module

        return Block(read_stages(source))

    def execute(
        self, input: str | bytes | None = None, runner: Runner | str | None = None
    ) -> Result:
        """Runs the block and says how each stage ended, whether it failed or not.

        `input` is the first stage's stdin; without it, stdin is this process' own. `runner` is for
        the commands that are bound to none; without it the program decides. stderr is this process'
        own. Raises ExecvmError when there is no result.
        """
        block = self if runner is None else self._bound(runner)
        text = json.dumps(block.json()).encode()
        return execute(text, len(block.stages), _input_bytes(input))

    def run(
        self,
        input: str | bytes | None = None,
        check: bool = True,
        runner: Runner | str | None = None,
    ) -> str:
        """Runs the block and returns its stdout as text, without its last newline, if any.

        Bytes that are not UTF-8 become surrogates, as words have them. With `check`, a block that
        fails raises PipelineError. The rest is as with execute().
        """
        result = self.execute(input, runner)
        if check:
            result.check()
        return to_text(result.stdout).removesuffix("\n")

    def _bound(self, runner: Runner | str) -> Block:
        it = runner if isinstance(runner, Runner) else Runner(runner)
        return Block(
            tuple(
                replace(s, runner=it) if isinstance(s, Command) and s.runner is None else s
                for s in self.stages
            )
        )


def _input_bytes(value: str | bytes | None) -> bytes | None:
    if isinstance(value, str):
        return to_bytes(value)
    if value is None or isinstance(value, (bytes, bytearray, memoryview)):
        return value
    raise TypeError(f"input must be str, bytes or None, not {type(value).__name__}")


def command(
    *words: Word | Chain,
    env: Mapping[str, Word] | None = None,
    cwd: Word | None = None,
) -> Block:
    """A block of one command, which runs in the runner of the run."""
    return _command(words, env, cwd, None)


def _command(
    words: tuple[Word | Chain, ...],
    env: Mapping[str, Word] | None,
    cwd: Word | None,
    runner: Runner | None,
) -> Block:
    program: tuple[str, ...] | Chain
    if not words:
        raise ValueError("command() needs a word: the program")
    if isinstance(words[0], Chain):
        if len(words) > 1:
            raise TypeError("command() takes one chain and nothing beside it")
        program = words[0]
    elif isinstance(words[0], (list, tuple)):
        raise TypeError("command() takes words one by one: write command(*words)")
    else:
        # A chain among words is refused there, as everything that is no word.
        program = word_list(words, "command(): words")  # type: ignore[arg-type]
    directory = None if cwd is None else word(cwd, "command(): cwd")
    return Block((Command(program, environment(env, "command(): env"), directory, runner),))


def chain(*commands: Sequence[Word] | Chain) -> Chain:
    """Commands one after the other, for command(): lists of words, or chains again."""
    if not commands:
        raise ValueError("chain() needs a command")
    return Chain(tuple(_chained(c, f"chain(): commands[{i}]") for i, c in enumerate(commands)))


def _chained(value: Sequence[Word] | Chain, what: str) -> tuple[str, ...] | Chain:
    if isinstance(value, Chain):
        return value
    if isinstance(value, Block):
        raise TypeError(f"{what} must be a list of words, not a block")
    words = word_list(value, what)
    if not words:
        raise ValueError(f"{what} is empty")
    return words


def tar(*files: Word, compress: Compression | None = None, deterministic: bool = False) -> Block:
    """A block that archives local files; deterministic: the same files give the same bytes."""
    if not files:
        raise ValueError("tar() needs a file")
    if compress is not None and compress not in COMPRESSIONS:
        raise ValueError(f"tar(): compress must be one of {COMPRESSIONS}, not {compress!r}")
    if not isinstance(deterministic, bool):
        raise TypeError("tar(): deterministic must be True or False")
    compression = None if compress == "none" else compress
    return Block((Tar(word_list(files, "tar(): files"), compression, deterministic),))


def docker_build(tag: Word, file: Word | None = None) -> Block:
    """A block that builds a docker image from the tar on its stdin and gives the image's id."""
    dockerfile = None if file is None else word(file, "docker_build(): file")
    return Block((DockerBuild(word(tag, "docker_build(): tag"), dockerfile),))


def to_file(name: Word) -> Block:
    """The end of a block: `block | to_file(name)` is `block > name`."""
    return Block((File(word(name, "to_file(): name")),))
