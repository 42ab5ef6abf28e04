# SPDX-License-Identifier: MIT
"""Words: the strings that processes and files are named with.

A word is bytes without NUL. It is kept as str in which a lone surrogate stands for a byte that is
not UTF-8 (PEP 383), whatever the locale; so one word has one form, and equal words are equal.
"""

from __future__ import annotations

import base64
import os
from typing import Mapping, Sequence, Tuple, Union

Word = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]
Env = Tuple[Tuple[str, str], ...]


def to_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def to_text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def word(value: Word, what: str) -> str:
    """The word, checked; `what` begins the sentence of an error."""
    raw = os.fspath(value) if isinstance(value, os.PathLike) else value
    if isinstance(raw, str):
        try:
            raw = to_bytes(raw)
        except UnicodeEncodeError:
            raise ValueError(f"{what} has a surrogate that stands for no byte") from None
    elif not isinstance(raw, bytes):
        raise TypeError(f"{what} must be str, bytes or os.PathLike, not {type(raw).__name__}")
    if b"\0" in raw:
        raise ValueError(f"{what} has a NUL byte")
    return to_text(raw)


def utf8_word(value: Word, what: str) -> str:
    """A word for a place in JSON that has no form for other bytes."""
    text = word(value, what)
    if not is_utf8(text):
        raise ValueError(f"{what} is not UTF-8")
    return text


def word_list(values: Sequence[Word], what: str) -> tuple[str, ...]:
    if isinstance(values, (str, bytes, os.PathLike)):
        raise TypeError(f"{what} must be a list of words, not one word: write [{values!r}]")
    if not isinstance(values, Sequence):
        raise TypeError(f"{what} must be a list of words, not {type(values).__name__}")
    return tuple(word(value, f"{what}[{i}]") for i, value in enumerate(values))


def environment(env: Mapping[str, Word] | None, what: str) -> Env:
    """The variables in the order of their names."""
    if env is None:
        return ()
    if not isinstance(env, Mapping):
        raise TypeError(f"{what} must be a mapping of names to values, not {type(env).__name__}")
    pairs = {}
    for key, value in env.items():
        name = utf8_word(key, f"{what}: name")
        if not name or "=" in name:
            raise ValueError(f"{what}: {name!r} is no name of a variable")
        pairs[name] = word(value, f"{what}[{name!r}]")
    return tuple(sorted(pairs.items()))


def is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def encode(text: str) -> str | dict[str, str]:
    """The word in JSON."""
    return text if is_utf8(text) else {"base64": base64.b64encode(to_bytes(text)).decode()}


def decode(value: object) -> str:
    """A word from JSON; a ValueError says what is wrong with it."""
    text = decode_any(value)
    if "\0" in text:
        raise ValueError("has a NUL byte")
    return text


def decode_any(value: object) -> str:
    """A string from JSON that may hold NUL."""
    if isinstance(value, str):
        if not is_utf8(value):
            raise ValueError('has a lone surrogate; other bytes than UTF-8 are {"base64": "..."}')
        return value
    if isinstance(value, Mapping) and set(value) == {"base64"}:
        return to_text(_from_base64(value["base64"]))
    raise ValueError('must be a string or {"base64": "..."}')


def _from_base64(value: object) -> bytes:
    if isinstance(value, str):
        plain = value.rstrip("=").translate({ord("-"): "+", ord("_"): "/"})
        try:
            return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
        except ValueError:
            pass
    raise ValueError("is not base64")
