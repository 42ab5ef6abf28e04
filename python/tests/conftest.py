# SPDX-License-Identifier: MIT
"""EXECVM names the program under test; without it, it is the stand-in."""

import json
import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
FAKE = str(HERE / "fake_execvm.py")

sys.path.insert(0, str(HERE.parent))
# Tests change the directory.
REAL = os.path.abspath(os.environ["EXECVM"]) if os.environ.get("EXECVM") else None


@pytest.fixture(autouse=True)
def program(monkeypatch, tmp_path):
    """The program, in a directory of the test's own."""
    monkeypatch.setenv("EXECVM", REAL or FAKE)
    monkeypatch.setenv("PYTHONPATH", str(HERE.parent))
    monkeypatch.chdir(tmp_path)
    return REAL or FAKE


@pytest.fixture
def fake(monkeypatch):
    """The stand-in, for what the program does not do here; call it with what it is to do."""
    monkeypatch.setenv("EXECVM", FAKE)

    def does(**what):
        monkeypatch.setenv("FAKE", json.dumps(what))

    return does
