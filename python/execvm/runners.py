# SPDX-License-Identifier: MIT
"""The runners, one function each. What an option means is in execvm-run(1).

Runner({...}) takes any description, also one with what has no parameter here.
"""

from __future__ import annotations

import os
from typing import Any, Literal, Mapping, Sequence, Union

from .blocks import Runner
from .words import Word, encode, environment, utf8_word, word_list

# "/dev/vda", or {"node": "/dev/vda", "readonly": True}
Device = Union[str, Mapping[str, Any]]
# "/dir:/dir:ro", or {"source": "/dir", "target": "/dir", "readonly": True}
Volume = Union[str, Mapping[str, Any]]
RootMode = Literal["overlay", "ro", "rw"]


def void_runner(debug: bool = False) -> Runner:
    """Runs nothing and reads stdin to its end; debug prints the commands on stderr."""
    return _runner("void", debug=debug or None)


def local_runner(*, timeout: str | int | None = None) -> Runner:
    """A process here."""
    return _runner("local", timeout=timeout)


exec_runner = local_runner


def docker_runner(
    image: Word,
    *,
    config: Word | None = None,
    root_mode: RootMode | None = None,
    memory: str | int | None = None,
    cpus: int | float | None = None,
    network: str | None = None,
    publish: Sequence[str] = (),
    volumes: Sequence[Volume] = (),
    tmpfs: Sequence[str] = (),
    env: Mapping[str, Word] | None = None,
    cwd: Word | None = None,
    user: str | int | None = None,
    hostname: str | None = None,
    timeout: str | int | None = None,
    options: Sequence[Word] = (),
) -> Runner:
    """A container of its own for each command; `options` are words for docker run."""
    return _runner(
        "docker",
        image=_text(image, "image"),
        config=_text(config, "config"),
        root_mode=root_mode,
        memory=memory,
        cpus=cpus,
        network=network,
        publish=_texts(publish, "publish"),
        volumes=_volumes(volumes),
        tmpfs=_texts(tmpfs, "tmpfs"),
        env=_env(env),
        cwd=_text(cwd, "cwd"),
        user=user,
        hostname=hostname,
        timeout=timeout,
        options=_words(options, "options"),
    )


def vm_runner(
    *,
    config: Word | None = None,
    kernel: Word | None = None,
    initrd: Word | None = None,
    append: str | None = None,
    root: Word | None = None,
    root_mode: RootMode | None = None,
    image: str | None = None,
    devices: Mapping[Any, Device] | None = None,
    memory: str | int | None = None,
    cpus: int | None = None,
    accel: Literal["auto", "kvm", "tcg"] | None = None,
    warm: bool = False,
    network: str | None = None,
    publish: Sequence[str] = (),
    volumes: Sequence[Volume] = (),
    tmpfs: Sequence[str] = (),
    env: Mapping[str, Word] | None = None,
    cwd: Word | None = None,
    user: str | int | None = None,
    hostname: str | None = None,
    timeout: str | int | None = None,
) -> Runner:
    """A machine of its own for each command; `devices` are local files and their guest names.

    With `warm` it starts from one that was frozen when it had booted: see execvm-template(1).
    """
    return _runner(
        "vm",
        config=_text(config, "config"),
        kernel=_text(kernel, "kernel"),
        initrd=_text(initrd, "initrd"),
        append=append,
        root=_text(root, "root"),
        root_mode=root_mode,
        image=image,
        devices=_devices(devices),
        memory=memory,
        cpus=cpus,
        accel=accel,
        warm=warm or None,
        network=network,
        publish=_texts(publish, "publish"),
        volumes=_volumes(volumes),
        tmpfs=_texts(tmpfs, "tmpfs"),
        env=_env(env),
        cwd=_text(cwd, "cwd"),
        user=user,
        hostname=hostname,
        timeout=timeout,
    )


def slurm_runner(options: Sequence[Word] = (), *, timeout: str | int | None = None) -> Runner:
    """A task on a node of a cluster; `options` are words for srun."""
    return _runner("slurm", options=_words(options, "options"), timeout=timeout)


def ssh_runner(
    host: str, options: Sequence[Word] = (), *, timeout: str | int | None = None
) -> Runner:
    """A process on another host, [USER@]HOST; `options` are words for ssh."""
    return _runner(
        "ssh", host=_text(host, "host"), options=_words(options, "options"), timeout=timeout
    )


def wrap_runner(words: Sequence[Word], *, timeout: str | int | None = None) -> Runner:
    """A process here, with `words` in front of the command."""
    wrap = _words(words, "words")
    if wrap is None:
        raise ValueError("words: a wrapper has at least one")
    return _runner("wrap", wrap=wrap, timeout=timeout)


def _runner(name: str, **values: Any) -> Runner:
    keys = {key.replace("_", "-"): value for key, value in values.items() if value is not None}
    return Runner({"runner": name, **keys})


def _text(value: Word | None, what: str) -> str | None:
    return None if value is None else utf8_word(value, what)


def _texts(values: Sequence[str], what: str) -> list[str] | None:
    words = word_list(values, what)
    return [utf8_word(w, f"{what}[{i}]") for i, w in enumerate(words)] or None


def _words(values: Sequence[Word], what: str) -> list[str | dict[str, str]] | None:
    return [encode(w) for w in word_list(values, what)] or None


def _env(env: Mapping[str, Word] | None) -> dict[str, str | dict[str, str]] | None:
    return {name: encode(value) for name, value in environment(env, "env")} or None


def _volumes(values: Sequence[Volume]) -> list[str | dict[str, Any]] | None:
    if isinstance(values, (str, bytes, os.PathLike)):
        raise TypeError(f"volumes must be a list, not one volume: write [{values!r}]")
    return [
        dict(v) if isinstance(v, Mapping) else utf8_word(v, f"volumes[{i}]")
        for i, v in enumerate(values)
    ] or None


def _devices(devices: Mapping[Any, Device] | None) -> dict[str, Any] | None:
    if devices is None:
        return None
    if not isinstance(devices, Mapping):
        raise TypeError('devices must be a mapping: {"/local/file": "/dev/vda"}')
    return {
        utf8_word(file, "devices: file"): dict(node)
        if isinstance(node, Mapping)
        else utf8_word(node, f"devices[{file!r}]")
        for file, node in devices.items()
    } or None
