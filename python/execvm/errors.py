# SPDX-License-Identifier: MIT
"""What can go wrong before there is a result."""

from __future__ import annotations

MAX_STAGES = 256


class ExecvmError(Exception):
    """The program was not found, refused the block, or did not say how the stages ended."""


class BlockError(ValueError):
    """This is no block; from_json() puts the JSON path in front."""


class TooManyStages(BlockError):
    """More stages than a block may have."""

    def __init__(self) -> None:
        super().__init__(f"more than {MAX_STAGES} stages in one block")
