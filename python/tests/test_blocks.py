# SPDX-License-Identifier: MIT
import copy
import pickle

import execvm
import pytest
from execvm import *

A, B, C = command("a"), command("b"), command("c")


def test_a_pipe_concatenates():
    assert ((A | B) | C).stages == (A | (B | C)).stages == A.stages + B.stages + C.stages


def test_blocks_do_not_change():
    left = A | B
    one, two = left | C, left > "f"
    assert left == A | B and one == A | B | C and two == (A | B | to_file("f"))
    with pytest.raises(AttributeError):
        left.stages = ()


def test_blocks_compare_and_hash_by_value():
    assert command("a", "b") == command("a", "b") != command("ab")
    assert len({A | B, command("a") | command("b"), B | A}) == 2
    assert A != "a" and A != None  # noqa: E711
    assert void_runner().command("a") != A
    assert docker_runner("x", memory=1, cpus=2).command("a") == docker_runner(
        "x", cpus=2, memory=1
    ).command("a")


def test_blocks_copy_and_pickle():
    block = docker_runner("debian", env={"A": "b"}).command(chain(["x"], ["y"])) | B > "f"
    assert copy.deepcopy(block) == pickle.loads(pickle.dumps(block)) == block


def test_the_operators_bind_as_a_shell_has_them():
    assert (A | B > "f") == ((A | B) > "f") == (A | B | to_file("f"))


def test_nothing_follows_a_file():
    done = A > "f"
    with pytest.raises(TypeError, match=r"\| after the file 'f'.*a \| b > 'f'"):
        done | B
    with pytest.raises(TypeError, match=r"\| after the file 'f'"):
        to_file("f") | B
    with pytest.raises(TypeError, match="> after the file 'f'.*write one file"):
        (A > "f") > "g"
    with pytest.raises(BlockError, match="not the last stage"):
        Block(done.stages + B.stages)


def test_a_second_file_without_parentheses_is_refused():
    with pytest.raises(TypeError, match="write one file, `x > 'f'`"):
        A > "f" > "g"


def test_a_block_has_no_truth():
    with pytest.raises(TypeError, match="neither true nor false"):
        bool(A)


def test_a_block_has_no_order():
    for compare in (lambda: A < B, lambda: A <= B, lambda: A >= B, lambda: A < "f"):
        with pytest.raises(TypeError):
            compare()


def test_operands_of_other_types_are_refused():
    with pytest.raises(TypeError, match="block > 'f'"):
        A | "f"
    with pytest.raises(TypeError, match=r"a \| b"):
        A > B
    with pytest.raises(TypeError, match="unsupported operand"):
        A | 1
    with pytest.raises(TypeError, match="must be str"):
        A > 1


def test_a_block_is_not_empty():
    with pytest.raises(BlockError, match="at least one stage"):
        Block(())


def test_256_stages_and_not_one_more():
    block = A
    for _ in range(255):
        block = block | B
    assert len(block.stages) == 256
    assert Block.from_json(block.json()) == block
    for more in (lambda: block | C, lambda: block > "f", lambda: block | block):
        with pytest.raises(TooManyStages, match="more than 256 stages"):
            more()
    assert issubclass(TooManyStages, ValueError)


def test_repr_is_the_expression_that_makes_it():
    block = A | docker_runner("debian").command("b", b"\xff", env={"A": "b"}, cwd="/") > "f"
    assert repr(block) == (
        "command('a') | Runner({'image': 'debian', 'runner': 'docker'})"
        ".command('b', '\\udcff', env={'A': 'b'}, cwd='/') > 'f'"
    )
    others = [
        to_file("f"),
        tar("a", "b", compress="gzip", deterministic=True) | docker_build("t", "f"),
        command(chain(["x", "y"], chain(["z"]))),
        local_runner().command("x"),
    ]
    for block in [block, *others]:
        assert eval(repr(block), vars(execvm)) == block


def test_all_names_what_there_is():
    assert all(hasattr(execvm, name) for name in execvm.__all__)
    assert execvm.__all__ == sorted(execvm.__all__)
