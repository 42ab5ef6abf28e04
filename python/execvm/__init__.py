# SPDX-License-Identifier: MIT
"""Pipelines of commands in machines, containers and processes, as values.

The package describes them; the program `execvm pipeline` runs them. It is the one that the
environment variable EXECVM names, else the `execvm` in PATH.
"""

from .blocks import Block, Runner, chain, command, docker_build, tar, to_file
from .errors import BlockError, ExecvmError, TooManyStages
from .nodes import Chain, Command, DockerBuild, File, Tar
from .result import PipelineError, Result, StageResult
from .runners import (
    docker_runner,
    exec_runner,
    local_runner,
    slurm_runner,
    ssh_runner,
    vm_runner,
    void_runner,
    wrap_runner,
)

__all__ = [
    "Block",
    "BlockError",
    "Chain",
    "Command",
    "DockerBuild",
    "ExecvmError",
    "File",
    "PipelineError",
    "Result",
    "Runner",
    "StageResult",
    "Tar",
    "TooManyStages",
    "chain",
    "command",
    "docker_build",
    "docker_runner",
    "exec_runner",
    "local_runner",
    "slurm_runner",
    "ssh_runner",
    "tar",
    "to_file",
    "vm_runner",
    "void_runner",
    "wrap_runner",
]
