# SPDX-License-Identifier: MIT
from pathlib import Path

import pytest
from execvm import *


def test_a_name_alone_is_a_string():
    assert local_runner().json() == exec_runner().json() == "local"
    assert void_runner().json() == "void"
    assert vm_runner().json() == "vm"
    assert Runner({"runner": "vm"}) == Runner("vm")


def test_what_is_not_said_is_left_out():
    assert docker_runner("debian").json() == {"runner": "docker", "image": "debian"}
    assert void_runner(debug=True).json() == {"runner": "void", "debug": True}
    assert local_runner(timeout="10s").json() == {"runner": "local", "timeout": "10s"}


def test_the_keys_of_a_machine():
    assert vm_runner(
        config="m.json",
        kernel=Path("/k"),
        initrd=b"/i",
        append="quiet",
        root="r.sqfs",
        root_mode="ro",
        image="debian",
        devices={Path("/local/file"): "/dev/vda", "x": {"node": "/dev/vdb", "readonly": True}},
        memory="1G",
        cpus=2,
        accel="tcg",
        warm=True,
        network="user",
        publish=["80:80"],
        volumes=["/d:/d:ro", {"source": "/e", "target": "/e"}],
        tmpfs=["/t"],
        env={"A": "b", "B": b"\xff"},
        cwd="/",
        user="1000:1000",
        hostname="h",
        timeout=10,
    ).json() == {
        "runner": "vm",
        "config": "m.json",
        "kernel": "/k",
        "initrd": "/i",
        "append": "quiet",
        "root": "r.sqfs",
        "root-mode": "ro",
        "image": "debian",
        "devices": {"/local/file": "/dev/vda", "x": {"node": "/dev/vdb", "readonly": True}},
        "memory": "1G",
        "cpus": 2,
        "accel": "tcg",
        "warm": True,
        "network": "user",
        "publish": ["80:80"],
        "volumes": ["/d:/d:ro", {"source": "/e", "target": "/e"}],
        "tmpfs": ["/t"],
        "env": {"A": "b", "B": {"base64": "/w=="}},
        "cwd": "/",
        "user": "1000:1000",
        "hostname": "h",
        "timeout": 10,
    }


def test_words_for_other_programs_are_lists():
    assert slurm_runner(["--partition=debug"]).json() == {
        "runner": "slurm", "options": ["--partition=debug"]
    }
    assert ssh_runner("user@host", options=["-p2222"]).json() == {
        "runner": "ssh", "host": "user@host", "options": ["-p2222"]
    }
    assert wrap_runner(["nsjail", "--"]).json() == {"runner": "wrap", "wrap": ["nsjail", "--"]}
    for make in (
        lambda: slurm_runner("--partition=debug"),
        lambda: ssh_runner("host", "-p2222"),
        lambda: wrap_runner("nsjail"),
        lambda: docker_runner("debian", options="--rm"),
        lambda: vm_runner(tmpfs="/t"),
        lambda: vm_runner(volumes="/d:/d"),
    ):
        with pytest.raises(TypeError, match=r"must be a list.*not one \w+: write \["):
            make()
    with pytest.raises(ValueError, match="at least one"):
        wrap_runner([])


def test_a_parameter_that_is_none_of_them_is_refused():
    with pytest.raises(TypeError):
        vm_runner(rootmode="ro")


def test_what_json_cannot_say_is_refused():
    with pytest.raises(ValueError, match="root is not UTF-8"):
        vm_runner(root=b"\xff")
    with pytest.raises(ValueError, match="image has a NUL byte"):
        docker_runner("a\0")
    with pytest.raises(TypeError, match="devices must be a mapping"):
        vm_runner(devices=["/dev/vda"])
    with pytest.raises(ValueError, match="not JSON"):
        Runner({"runner": "vm", "root": Path("/")})
    with pytest.raises(ValueError, match="not JSON"):
        Runner({"runner": "vm", "cpus": float("nan")})
    with pytest.raises(ValueError, match="not UTF-8"):
        Runner({"runner": "vm", "root": "\udcff"})
    with pytest.raises(TypeError, match="name of a runner must be str, not int"):
        Runner(1)
    with pytest.raises(TypeError, match="name of a runner must be str, not int"):
        Runner({"runner": 1})


def test_a_runner_does_not_change_with_what_it_was_made_from():
    description = {"runner": "vm", "devices": {"a": "/dev/vda"}}
    runner = Runner(description)
    description["devices"]["b"] = "/dev/vdb"
    runner.json()["devices"].clear()
    assert runner.json() == {"runner": "vm", "devices": {"a": "/dev/vda"}}


def test_commands_are_bound_when_they_are_made():
    one, two = docker_runner("debian"), local_runner()
    block = one.command("a") | two.command("b") | command("c")
    assert [stage.runner for stage in block.stages] == [one, two, None]
