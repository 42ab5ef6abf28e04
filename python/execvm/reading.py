# SPDX-License-Identifier: MIT
"""JSON -> stages, with the path of what is wrong.

The nodes nest through "output", one level a stage, so that is a loop; a pipeline that is too long
is refused before anything in it is looked at.
"""

from __future__ import annotations

import json
import re
from typing import Any, List, Mapping, Tuple, Union

from .blocks import COMPRESSIONS, Runner
from .errors import MAX_STAGES, BlockError, TooManyStages
from .nodes import MAX_CHAIN_DEPTH, Chain, Command, DockerBuild, File, Stage, Tar
from .words import Env, decode, environment

# The first field of each is there in every node of the type, and in no other.
_FIELDS = {
    "Command": ("args", "env", "cwd", "runner", "output"),
    "Chain": ("commands", "env", "cwd", "runner", "output"),
    "Tar": ("files", "compression", "deterministic", "output"),
    "DockerBuild": ("tag", "file", "output"),
    "File": ("name",),
}
_IN_CHAIN = {"Command": ("args",), "Chain": ("commands",)}

Node = Mapping[str, Any]


def read_stages(source: str | bytes | Node) -> tuple[Stage, ...]:
    document = _parse(source) if isinstance(source, (str, bytes, bytearray)) else source
    return tuple(_stage(node, path) for path, node in _unnest(document))


def _parse(text: str | bytes) -> object:
    try:
        return json.loads(text, object_pairs_hook=_object)
    except RecursionError:
        # Only "output" nests without an end, so that is what it was.
        raise TooManyStages() from None
    except ValueError as error:
        raise BlockError(f"not JSON: {error}") from None


def _object(pairs: List[Tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"field {json.dumps(twice)} twice in one object")
    return fields


def _unnest(value: object) -> list[tuple[str, Node]]:
    path = "$"
    nodes: list[tuple[str, Node]] = []
    while True:
        if len(nodes) == MAX_STAGES:
            raise TooManyStages()
        node = _mapping(value, path)
        nodes.append((path, node))
        if "output" not in node:
            return nodes
        path, value = _at(path, "output"), node["output"]


def _stage(node: Node, path: str) -> Stage:
    kind = _kind(node, path, _FIELDS)
    if kind == "Tar":
        return _tar(node, path)
    if kind == "DockerBuild":
        return DockerBuild(_string(node["tag"], _at(path, "tag")), _optional(node, "file", path))
    if kind == "File":
        return File(_string(node["name"], _at(path, "name")))
    if kind == "Chain":
        program: Union[Tuple[str, ...], Chain] = _chain(node["commands"], _at(path, "commands"), 1)
    else:
        program = _strings(node["args"], _at(path, "args"))
    return Command(program, _env(node, path), _optional(node, "cwd", path), _runner(node, path))


def _kind(node: Node, path: str, kinds: Mapping[str, Tuple[str, ...]]) -> str:
    """The type of a node, which has all that it needs and nothing that is unknown."""
    firsts = {fields[0]: name for name, fields in kinds.items()}
    kind: str
    if "type" in node:
        kind = node["type"]
        if not isinstance(kind, str):
            raise _error(_at(path, "type"), "must be a string")
        if kind not in kinds:
            raise _error(_at(path, "type"), f"unknown type {json.dumps(kind)}: {_or(kinds)}")
    else:
        found = [first for first in firsts if first in node]
        if len(found) != 1:
            raise _error(path, f'needs a "type" or exactly one of the fields {_or(firsts)}')
        kind = firsts[found[0]]
    for field in node:
        if field != "type" and field not in kinds[kind]:
            raise _error(_at(path, field), f"unknown field of {kind}")
    if kinds[kind][0] not in node:
        raise _error(path, f'{kind} needs "{kinds[kind][0]}"')
    return kind


def _chain(value: object, path: str, depth: int) -> Chain:
    if depth > MAX_CHAIN_DEPTH:
        raise _error(path, f"chains nested more than {MAX_CHAIN_DEPTH} deep")
    commands: list[tuple[str, ...] | Chain] = []
    for i, element in enumerate(_list(value, path)):
        at = f"{path}[{i}]"
        if isinstance(element, (list, tuple)):
            commands.append(_strings(element, at))
        elif _kind(_mapping(element, at), at, _IN_CHAIN) == "Chain":
            commands.append(_chain(element["commands"], _at(at, "commands"), depth + 1))
        else:
            commands.append(_strings(element["args"], _at(at, "args")))
    return Chain(tuple(commands))


def _tar(node: Node, path: str) -> Tar:
    compression = node.get("compression", "none")
    if compression not in COMPRESSIONS:
        raise _error(_at(path, "compression"), f"must be {_or(COMPRESSIONS)}")
    deterministic = node.get("deterministic", False)
    if not isinstance(deterministic, bool):
        raise _error(_at(path, "deterministic"), "must be true or false")
    files = _strings(node["files"], _at(path, "files"))
    return Tar(files, None if compression == "none" else compression, deterministic)


def _env(node: Node, path: str) -> Env:
    path = _at(path, "env")
    env = _mapping(node.get("env", {}), path)
    values = {name: _string(value, _at(path, name)) for name, value in env.items()}
    try:
        return environment(values, "")
    except (TypeError, ValueError) as error:
        raise _error(path, str(error).lstrip(": ")) from None


def _runner(node: Node, path: str) -> Runner | None:
    if "runner" not in node:
        return None
    path = _at(path, "runner")
    value = node["runner"]
    if not isinstance(value, (str, Mapping)):
        raise _error(path, "must be a string or an object")
    if isinstance(value, Mapping) and not isinstance(value.get("runner", ""), str):
        raise _error(_at(path, "runner"), "must be a string")
    try:
        return Runner(value)
    except (TypeError, ValueError) as error:
        raise _error(path, str(error)) from None


def _optional(node: Node, field: str, path: str) -> str | None:
    return _string(node[field], _at(path, field)) if field in node else None


def _string(value: object, path: str) -> str:
    try:
        return decode(value)
    except ValueError as error:
        raise _error(path, str(error)) from None


def _strings(value: object, path: str) -> tuple[str, ...]:
    return tuple(_string(s, f"{path}[{i}]") for i, s in enumerate(_list(value, path)))


def _list(value: object, path: str) -> list[Any] | tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        raise _error(path, "must be a list")
    if not value:
        raise _error(path, "is empty")
    return value


def _mapping(value: object, path: str) -> Node:
    if not isinstance(value, Mapping):
        raise _error(path, "must be an object")
    return value


def _at(path: str, field: str) -> str:
    if re.fullmatch(r"[A-Za-z_]\w*", field, re.ASCII):
        return f"{path}.{field}"
    return f"{path}[{json.dumps(field)}]"


def _or(names: Any) -> str:
    *first, last = (f'"{name}"' for name in names)
    return f"{', '.join(first)} or {last}"


def _error(path: str, text: str) -> BlockError:
    return BlockError(f"{path}: {text}")
