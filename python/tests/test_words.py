# SPDX-License-Identifier: MIT
import base64
import os
import random
from pathlib import Path

import pytest

from execvm import Block, chain, command, docker_build, tar, to_file


def args(*words):
    return command(*words).json()["args"]


def test_words_are_str_bytes_and_paths():
    class Entry:
        def __fspath__(self):
            return b"/bin/x"

    assert args("a", b"b", Path("/c/d"), Entry()) == ["a", "b", "/c/d", "/bin/x"]


def test_a_word_may_be_empty():
    assert args("echo", "", b"") == ["echo", "", ""]


def test_text_is_utf8_whatever_the_locale():
    assert args("é", "é".encode(), "\N{SNOWMAN}") == ["é", "é", "\N{SNOWMAN}"]


def test_bytes_that_are_not_utf8_are_base64():
    assert args("x", b"\xff\xfe") == ["x", {"base64": "//4="}]


def test_surrogate_escapes_are_the_bytes_they_stand_for():
    assert args("x", "a\udcff") == ["x", {"base64": base64.b64encode(b"a\xff").decode()}]
    assert command("x", os.fsdecode(b"\xff")) == command("x", b"\xff")


def test_equal_bytes_are_equal_words():
    assert command("\udcc3\udca9") == command("é") == command("é".encode())
    assert args("\udcc3\udca9") == ["é"]


def test_every_string_has_base64_where_it_is_not_utf8():
    odd, data = b"\xff", {"base64": "/w=="}
    block = command("x", env={"A": odd}, cwd=odd) | tar(odd) | docker_build(odd, odd) > odd
    node = block.json()
    assert node["env"] == {"A": data} and node["cwd"] == data
    assert node["output"]["files"] == [data]
    assert node["output"]["output"]["tag"] == node["output"]["output"]["file"] == data
    assert node["output"]["output"]["output"]["name"] == data
    assert Block.from_json(node) == block


@pytest.mark.parametrize("make", [
    lambda w: command("x", w),
    lambda w: command(w),
    lambda w: command("x", cwd=w),
    lambda w: command("x", env={"A": w}),
    lambda w: command(chain(["x", w])),
    lambda w: tar(w),
    lambda w: docker_build(w),
    lambda w: docker_build("t", w),
    lambda w: to_file(w),
    lambda w: command("x") > w,
])
def test_what_is_no_word_is_refused_everywhere(make):
    with pytest.raises(ValueError, match="has a NUL byte"):
        make("a\0b")
    with pytest.raises(ValueError, match="has a NUL byte"):
        make(b"a\0b")
    with pytest.raises(ValueError, match="surrogate that stands for no byte"):
        make("\ud800")
    with pytest.raises(TypeError, match="must be str, bytes or os.PathLike, not int"):
        make(1)


def test_an_error_says_which_word():
    with pytest.raises(TypeError, match=r"command\(\): words\[2\] must be"):
        command("a", "b", 3)
    with pytest.raises(ValueError, match=r"chain\(\): commands\[1\]\[0\] has a NUL"):
        chain(["x"], ["a\0"])
    with pytest.raises(TypeError, match=r"tar\(\): files\[0\] must be"):
        tar(["a", "b"])
    with pytest.raises(TypeError, match=r"env\['A'\] must be"):
        command("x", env={"A": 1})


def test_a_command_has_at_least_one_word():
    with pytest.raises(ValueError, match="needs a word: the program"):
        command()
    with pytest.raises(ValueError, match="needs a file"):
        tar()


def test_a_list_where_words_are_meant_says_what_to_write():
    with pytest.raises(TypeError, match=r"write command\(\*words\)"):
        command(["/bin/echo", "hello"])


def test_a_chain_is_of_lists_of_words():
    with pytest.raises(TypeError, match=r"not one word: write \['/bin/true'\]"):
        chain("/bin/true")
    with pytest.raises(TypeError, match="must be a list of words, not int"):
        chain(1)
    with pytest.raises(TypeError, match="not a block"):
        chain(command("/bin/true"))
    with pytest.raises(ValueError, match=r"commands\[1\] is empty"):
        chain(["x"], [])
    with pytest.raises(ValueError, match="needs a command"):
        chain()


def test_a_command_is_one_chain_or_words():
    with pytest.raises(TypeError, match="one chain and nothing beside it"):
        command(chain(["x"]), "y")
    with pytest.raises(TypeError, match="must be str, bytes or os.PathLike, not Chain"):
        command("y", chain(["x"]))


def test_chains_nest_to_a_limit():
    deep = chain(["x"])
    for _ in range(63):
        deep = chain(["y"], deep)
    block = command(deep)
    assert Block.from_json(block.json()) == block
    with pytest.raises(ValueError, match="chains nested more than 64 deep"):
        chain(deep)


def test_names_of_variables():
    for name in ("", "A=B", b"\xff", "A\0"):
        with pytest.raises(ValueError):
            command("x", env={name: "1"})
    with pytest.raises(TypeError, match="mapping"):
        command("x", env=["A=1"])
    assert command("x", env={}) == command("x")
    assert command("x", env={"A": "1", "B": "2"}) == command("x", env={"B": "2", "A": "1"})


def test_compression_is_one_of_the_known():
    for name in ("gzip", "xz", "zstd", "bzip2"):
        assert tar("f", compress=name).json()["compression"] == name
    assert tar("f", compress="none") == tar("f")
    with pytest.raises(ValueError, match="compress must be one of"):
        tar("f", compress="zip")


def test_any_words_come_back_from_json():
    rng = random.Random(1)
    for _ in range(300):
        words = [bytes(rng.choices(range(1, 256), k=rng.randrange(6))) for _ in range(3)]
        block = command(*words)
        assert Block.from_json(block.json()) == block
        assert [os.fsencode(w) for w in block.stages[0].program] == words
