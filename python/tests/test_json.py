# SPDX-License-Identifier: MIT
import copy
import json
import random
import sys

import pytest
from execvm import *

TAGGED = {
    "type": "Tar",
    "files": ["file1", "file2"],
    "compression": "gzip",
    "output": {
        "type": "Command",
        "args": ["/bin/tar", "-tzf", "-"],
        "env": {},
        "output": {
            "type": "Command",
            "args": ["wc", "-l"],
            "env": {},
            "output": {"type": "File", "name": "output"},
        },
    },
}
BLOCK = (
    tar("file1", "file2", compress="gzip")
    | command("/bin/tar", "-tzf", "-")
    | command("wc", "-l") > "output"
)


def without(field, node):
    rest = {k: v for k, v in node.items() if k != field}
    if "output" in rest:
        rest["output"] = without(field, rest["output"])
    return rest


def test_json_is_tagged_and_has_no_defaults():
    assert BLOCK.json() == without("env", TAGGED)


@pytest.mark.parametrize("source", [
    TAGGED, without("env", TAGGED), without("type", TAGGED), BLOCK.json(),
    json.dumps(TAGGED), json.dumps(without("type", TAGGED)).encode(),
])
def test_from_json_reads_text_and_data_with_and_without_types(source):
    assert Block.from_json(source) == BLOCK


def test_every_node_is_known_by_its_field():
    assert Block.from_json({"args": ["a"]}) == command("a")
    assert Block.from_json({"commands": [["a"]]}) == command(chain(["a"]))
    assert Block.from_json({"files": ["a"]}) == tar("a")
    assert Block.from_json({"tag": "a"}) == docker_build("a")
    assert Block.from_json({"name": "a"}) == to_file("a")


def test_defaults_that_are_said_are_no_difference():
    assert Block.from_json(
        {"files": ["a"], "compression": "none", "deterministic": False}
    ) == tar("a")


def test_elements_of_a_chain_are_lists_or_nodes():
    block = command(chain(["a", "b"], chain(["c"], ["d"])))
    assert block.json() == {
        "type": "Chain",
        "commands": [["a", "b"], {"type": "Chain", "commands": [["c"], ["d"]]}],
    }
    inner = {"commands": [{"type": "Command", "args": ["c"]}, ["d"]]}
    assert Block.from_json({"commands": [{"args": ["a", "b"]}, inner]}) == block


@pytest.mark.parametrize("text", ["//4", "//4=", "__4", "__4="])
def test_base64_has_both_alphabets_and_padding_or_not(text):
    assert Block.from_json({"args": [{"base64": text}]}) == command(b"\xff\xfe")


@pytest.mark.parametrize("node, message", [
    ([], "$: must be an object"),
    ({}, '$: needs a "type" or exactly one of the fields "args", "commands", '),
    ({"args": ["a"], "files": ["b"]}, '$: needs a "type" or exactly one'),
    ({"type": 1}, "$.type: must be a string"),
    ({"type": "Pipe"}, '$.type: unknown type "Pipe": "Command", "Chain", '),
    ({"type": "Tar", "args": ["a"]}, "$.args: unknown field of Tar"),
    ({"type": "Tar"}, '$: Tar needs "files"'),
    ({"args": ["a"], "arg": 1}, "$.arg: unknown field of Command"),
    ({"args": ["a"], "a b": 1}, '$["a b"]: unknown field of Command'),
    ({"args": "a"}, "$.args: must be a list"),
    ({"args": []}, "$.args: is empty"),
    ({"args": ["a", 1]}, '$.args[1]: must be a string or {"base64": "..."}'),
    ({"args": ["a", None]}, "$.args[1]: must be a string"),
    ({"args": ["a\0"]}, "$.args[0]: has a NUL byte"),
    ({"args": ["\udcff"]}, "$.args[0]: has a lone surrogate"),
    ({"args": [{"base64": "!"}]}, "$.args[0]: is not base64"),
    ({"args": [{"base64": 1}]}, "$.args[0]: is not base64"),
    ({"args": [{"base64": "AA=="}]}, "$.args[0]: has a NUL byte"),
    ({"args": [{"base64": "eA==", "x": 1}]}, "$.args[0]: must be a string"),
    ({"args": ["a"], "env": None}, "$.env: must be an object"),
    ({"args": ["a"], "env": {"A": 1}}, "$.env.A: must be a string"),
    ({"args": ["a"], "env": {"": "x"}}, "$.env: '' is no name of a variable"),
    ({"args": ["a"], "cwd": 1}, "$.cwd: must be a string"),
    ({"args": ["a"], "runner": 1}, "$.runner: must be a string or an object"),
    ({"args": ["a"], "runner": {"runner": 1}}, "$.runner.runner: must be a string"),
    ({"args": ["a"], "output": 1}, "$.output: must be an object"),
    ({"args": ["a"], "output": {"args": ["b", 1]}}, "$.output.args[1]: must be a string"),
    ({"args": ["a"], "output": {"name": 1}}, "$.output.name: must be a string"),
    ({"name": "f", "output": {"args": ["a"]}}, "$.output: unknown field of File"),
    ({"files": ["a"], "compression": "zip"}, '$.compression: must be "gzip", "xz", '),
    ({"files": ["a"], "compression": []}, "$.compression: must be"),
    ({"files": ["a"], "deterministic": 1}, "$.deterministic: must be true or false"),
    ({"tag": 1}, "$.tag: must be a string"),
    ({"tag": "t", "file": 1}, "$.file: must be a string"),
    ({"commands": {}}, "$.commands: must be a list"),
    ({"commands": []}, "$.commands: is empty"),
    ({"commands": ["a"]}, "$.commands[0]: must be an object"),
    ({"commands": [[]]}, "$.commands[0]: is empty"),
    ({"commands": [["a"], {"args": ["b"], "env": {}}]}, "$.commands[1].env: unknown field of C"),
    ({"commands": [{"commands": [["a", 1]]}]}, "$.commands[0].commands[0][1]: must be"),
    ({"commands": [{"files": ["a"]}]}, '$.commands[0]: needs a "type" or exactly one'),
])
def test_what_is_wrong_has_its_path(node, message):
    with pytest.raises(BlockError) as caught:
        Block.from_json(node)
    assert str(caught.value).startswith(message)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("text, message", [
    ("", "not JSON: "),
    ("{", "not JSON: "),
    (b"\xff", "not JSON: "),
    ('{"args": ["a"], "args": ["b"]}', 'not JSON: field "args" twice in one object'),
    ("[]", "$: must be an object"),
])
def test_what_is_no_json_is_refused(text, message):
    with pytest.raises(BlockError) as caught:
        Block.from_json(text)
    assert str(caught.value).startswith(message)


def nested(n, last):
    node = last
    for _ in range(n - 1):
        node = {"args": ["a"], "output": node}
    return node


def test_too_many_stages_are_refused_before_anything_else():
    assert len(Block.from_json(nested(256, {"args": ["a"]})).stages) == 256
    for n in (257, 5000):
        with pytest.raises(TooManyStages):
            Block.from_json(nested(n, {"nonsense": 1}))


@pytest.mark.parametrize("n", [257, 900, 5000, 100_000])
def test_too_many_stages_in_text_are_refused(n):
    text = '{"args": ["a"], "output": ' * (n - 1) + '{"args": ["a"]}' + "}" * (n - 1)
    with pytest.raises(TooManyStages):
        Block.from_json(text)


def test_a_block_that_is_its_own_output_is_refused():
    node = {"args": ["a"]}
    node["output"] = node
    with pytest.raises(TooManyStages):
        Block.from_json(node)


def test_a_chain_that_is_too_deep_is_refused():
    commands = [["a"]]
    for _ in range(200):
        commands = [{"commands": commands}]
    with pytest.raises(BlockError, match="chains nested more than 64 deep"):
        Block.from_json({"commands": commands})


def test_256_stages_are_json_text_with_the_usual_recursion_limit():
    deep = chain(["x"])
    for _ in range(63):
        deep = chain(deep)
    text = json.dumps(nested(256, command(deep).json()))
    assert sys.getrecursionlimit() <= 1000 and len(Block.from_json(text).stages) == 256


class Blocks:
    """Random blocks."""

    def __init__(self, seed):
        self.rng = random.Random(seed)

    def word(self):
        kind = self.rng.randrange(4)
        if kind == 0:
            return bytes(self.rng.choices(range(1, 256), k=self.rng.randrange(5)))
        text = "aé\"\\ \n{}\N{SNOWMAN}\U0001f600"
        return "".join(self.rng.choices(text, k=self.rng.randrange(6)))

    def words(self):
        return [self.word() for _ in range(self.rng.randrange(1, 4))]

    def maybe(self, value):
        return value if self.rng.random() < 0.5 else None

    def env(self):
        return {f"K{i}": self.word() for i in range(self.rng.randrange(3))}

    def chain(self, depth=0):
        return chain(*(
            self.chain(depth + 1) if depth < 3 and self.rng.random() < 0.3 else self.words()
            for _ in range(self.rng.randrange(1, 4))
        ))

    def stage(self):
        kind = self.rng.randrange(4)
        if kind == 0:
            again = self.rng.random() < 0.5
            return tar(*self.words(), compress=self.maybe("xz"), deterministic=again)
        if kind == 1:
            return docker_build(self.word(), self.maybe(self.word()))
        runners = (docker_runner("d", env=self.env()), ssh_runner("h", self.words()))
        runner = self.rng.choice([None, local_runner(), *runners])
        make = command if runner is None else runner.command
        program = [self.chain()] if kind == 2 else self.words()
        return make(*program, env=self.maybe(self.env()), cwd=self.maybe(self.word()))

    def block(self):
        block = self.stage()
        for _ in range(self.rng.randrange(5)):
            block = block | self.stage()
        return block > self.word() if self.rng.random() < 0.3 else block


@pytest.mark.parametrize("seed", range(200))
def test_any_block_comes_back_from_json(seed):
    block = Blocks(seed).block()
    data = block.json()
    again = Block.from_json(data)
    assert again == block and hash(again) == hash(block) and again.json() == data
    assert Block.from_json(json.dumps(data)) == block
    assert eval(repr(block)) == block


def spots(value):
    """Where a document can be changed: what holds a value, and its key in there."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in list(items):
        yield value, key
        if isinstance(item, (dict, list)):
            yield from spots(item)


@pytest.mark.parametrize("seed", range(100))
def test_any_document_is_read_or_refused_with_a_path(seed):
    rng = random.Random(seed)
    data = Blocks(seed).block().json()
    for _ in range(20):
        changed = copy.deepcopy(data)
        holder, key = rng.choice(list(spots(changed)))
        holder[key] = rng.choice(
            [None, 1, True, "", "x", [], ["x"], {}, {"base64": "eA"}, {"args": ["x"]}]
        )
        try:
            block = Block.from_json(changed)
        except BlockError as error:
            assert str(error).startswith("$")
        else:
            assert Block.from_json(block.json()) == block
