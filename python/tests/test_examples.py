# SPDX-License-Identifier: MIT
"""The examples: those of the API, and every one in README.md."""

import re
from pathlib import Path

import execvm
import pytest
from conftest import HERE

# Runners that are not here run here.
pytestmark = pytest.mark.usefixtures("fake")


@pytest.fixture
def files():
    for name in ("file1", "file2"):
        Path(name).write_text(name)


def test_commands_in_a_container(files):
    from execvm import chain, command, docker_runner, tar

    computer = docker_runner(image="debian")
    block = computer.command("/bin/echo", "hello") | computer.command("/bin/wc", "-c")
    assert block.run() == "6"
    # fmt: off
    block = tar("file1", "file2", compress="gzip") \
        | computer.command("/bin/tar", "-tzf", "-") \
        | computer.command("wc", "-l") > "output"
    # fmt: on
    assert block.run() == ""
    assert Path("output").read_text().strip() == "2"
    assert computer.command(chain(["/bin/true"], ["/bin/true"])).run() == ""
    assert (command("/bin/echo", "hello") | command("/bin/wc", "-c")).run() == "6"


def test_the_readme(files):
    text = (HERE.parent / "README.md").read_text()
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)
    assert len(blocks) > 5
    names = {}
    for source in blocks:
        exec(compile(source, "README.md", "exec"), names)


def test_the_package_has_a_docstring_for_everything_it_gives():
    for name in execvm.__all__:
        assert getattr(execvm, name).__doc__, name
