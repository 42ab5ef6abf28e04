# SPDX-License-Identifier: MIT
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import FAKE, REAL
from execvm import *

here = local_runner()


def sh(script, *words):
    return here.command("/bin/sh", "-c", script, "sh", *words)


def gone(pid_file, seconds=10):
    """Whether the process whose id is in the file ends in time."""
    pid = int(pid_file.read_text())
    for _ in range(seconds * 20):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def test_run_gives_stdout_as_text():
    assert (here.command("/bin/echo", "hello") | here.command("/bin/wc", "-c")).run() == "6"


def test_run_removes_one_newline_and_no_more():
    assert here.command("printf", "a\\n\\n").run() == "a\n"
    assert here.command("printf", "a").run() == "a"
    assert here.command("printf", "a\\r\\n").run() == "a\r"
    assert here.command("true").run() == ""


def test_bytes_that_are_not_text_come_back_as_words_have_them():
    assert here.command("printf", "\\377").run() == "\udcff"
    assert here.command("printf", "%s", b"\xff\xc3").execute().stdout == b"\xff\xc3"


@pytest.mark.parametrize("data", ["", "é\n", "\udcff", b"\0\xff"])
def test_input_is_the_first_stage_s_stdin(data):
    raw = data if isinstance(data, bytes) else data.encode("utf-8", "surrogateescape")
    assert here.command("cat").execute(data).stdout == raw


def test_input_of_another_type_is_refused():
    with pytest.raises(TypeError, match="input must be str, bytes or None, not int"):
        here.command("cat").run(1)


def test_without_input_stdin_is_inherited():
    code = "from execvm import *; print(local_runner().command('cat').run())"
    argv = [sys.executable, "-c", code]
    out = subprocess.run(argv, input=b"from outside", stdout=subprocess.PIPE)
    assert out.stdout == b"from outside\n"


def test_stderr_goes_where_ours_goes(capfd):
    assert sh("echo out; echo err >&2").run() == "out"
    assert capfd.readouterr().err == "err\n"


def test_much_data_in_and_out_is_no_deadlock():
    data = os.urandom(1 << 20) * 8
    result = (here.command("cat") | here.command("cat")).execute(data)
    assert result.stdout == data
    assert [stage.bytes for stage in result.stages] == [len(data)] * 2


def test_a_program_that_does_not_read_its_input_is_no_error():
    assert here.command("true").execute(b"x" * (8 << 20)).status == 0


def test_a_report_may_be_long():
    block = here.command("true", *["x" * 100_000] * 10)
    result = (block | block | block).execute("")
    assert [len(stage.words) for stage in result.stages] == [11] * 3


def test_256_stages_run():
    block = here.command("cat")
    for _ in range(255):
        block = block | here.command("cat")
    assert block.run("x") == "x"


def test_a_result_has_every_stage():
    count = here.command("wc", "-c", b"--", b"/dev/stdin")
    result = (sh("echo a; echo e >&2; exit 3") | count).execute("")
    one, two = result.stages
    assert (result.status, result.stdout) == (3, b"2 /dev/stdin\n")
    assert (one.index, one.type, one.runner) == (0, "Command", "local")
    assert (one.status, one.failed, one.error) == (3, True, None)
    assert one.words[0] == "/bin/sh" and one.bytes == 2 and one.stderr == b"e\n" and one.ms >= 0
    assert (two.index, two.status, two.failed, two.error) == (1, 0, False, None)
    assert two.words == ("wc", "-c", "--", "/dev/stdin")


def test_words_and_stderr_in_a_result_may_be_any_bytes():
    stage = sh("printf '\\377\\0' >&2; exit 1", b"\xfe").execute("").stages[0]
    assert stage.words[-1] == "\udcfe" and stage.stderr == b"\xff\0"


def test_stderr_in_a_result_is_its_end():
    stage = sh("seq 1999 >&2; exit 1").execute("").stages[0]
    assert len(stage.stderr) == 4096 and stage.stderr.endswith(b"1998\n1999\n")


def test_a_failure_raises_with_the_stage_that_decided():
    with pytest.raises(PipelineError) as caught:
        (sh("exit 3") | sh("cat; echo why >&2; exit 4", "a b") | here.command("cat")).run("")
    error = caught.value
    assert error.result.status == error.stage.status == 4 and error.stage.index == 1
    assert str(error) == (
        "stage 2 of 3 (local): /bin/sh -c 'cat; echo why >&2; exit 4' sh 'a b': status 4\n  why"
    )
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_a_failure_without_check_gives_what_there_is():
    assert sh("echo a; exit 1").run("", check=False) == "a"


def test_a_signal_has_its_name():
    with pytest.raises(PipelineError, match=r"killed by SIGKILL \(status 137\)"):
        sh("kill -9 $$").run("")


def test_a_program_that_is_not_there_has_its_status_and_reason():
    with pytest.raises(PipelineError, match=r"\(local\): /no/such: not found \(status 127\)"):
        here.command("/no/such").run("")


@pytest.mark.skipif(REAL is None, reason="needs the program: EXECVM")
def test_a_stage_that_sigpipe_ends_is_no_failure():
    result = (here.command("yes") | here.command("head", "-n1")).execute("")
    assert (result.status, result.stdout) == (0, b"y\n")
    assert (result.stages[0].status, result.stages[0].failed) == (141, False)


def test_a_file_gets_the_output():
    block = sh("echo a") > "out"
    assert block.run("") == "" and Path("out").read_text() == "a\n"
    assert block.execute("").stages[1].words == ("out",)


def test_a_file_is_not_touched_when_a_stage_fails():
    Path("out").write_text("old")
    result = (sh("echo new; exit 1") > "out").execute("")
    assert Path("out").read_text() == "old"
    assert result.stages[1].status is None and not result.stages[1].failed


def test_tar_reads_local_files():
    Path("a b").write_text("x")
    block = tar("a b", compress="gzip") | here.command("tar", "-tzf", "-")
    assert block.run() == "a b" and block.execute().stages[0].words == ("a b",)


def test_env_cwd_and_chain_arrive():
    Path("d").mkdir()
    script = ["/bin/sh", "-c", "echo $A; pwd"]
    where = os.path.realpath("d")
    block = here.command(chain(script, chain(["echo", "b"], script)), env={"A": "a"}, cwd=where)
    assert block.run("") == f"a\n{where}\nb\na\n{where}"
    with pytest.raises(PipelineError):
        here.command(chain(["false"], ["touch", "there"])).run("")
    assert not Path("there").exists()


def test_the_run_s_runner_is_for_commands_that_have_none():
    block = command("echo", "a") | here.command("cat")
    result = block.execute("", runner="void")
    assert [stage.runner for stage in result.stages] == ["void", "local"] and result.stdout == b""
    assert block.run("", runner=here) == "a"
    assert [stage.runner for stage in block.stages] == [None, here]


def test_the_void_runner_reads_its_input():
    assert void_runner().command("/no/such").run(b"x" * (1 << 20)) == ""


def test_what_the_program_refuses_is_its_own_sentence(capfd):
    with pytest.raises(ExecvmError, match=r"^execvm pipeline: .*no runner 'nope'") as caught:
        command("x").run(runner="nope")
    assert not isinstance(caught.value, PipelineError)
    assert capfd.readouterr().err.count("no runner 'nope'") == 1


def test_a_refusal_without_a_sentence_says_where_it_is(fake):
    fake(status=125)
    with pytest.raises(ExecvmError, match="status 125 and no report; the reason is on stderr"):
        here.command("true").run()


@pytest.mark.parametrize("report, message", [
    ("", "status 0, and a report of 0 stages of 1"),
    ("{", "report, line 1"),
    ("[]", "report, line 1"),
    ("{}", "report, line 1"),
    ('{"stage": 1}', "report, line 1"),
])
def test_a_success_without_a_report_is_none(fake, report, message):
    fake(status=0, report=report)
    with pytest.raises(ExecvmError, match=message):
        here.command("true").run()


def test_a_report_that_differs_from_the_status_is_no_result(fake):
    stage = (
        '{"stage": 0, "type": "Command", "runner": "local", "args": ["x"], "status": %d,'
        ' "failed": %s, "bytes": 0, "ms": 0, "error": null, "stderr": ""}\n'
    )
    fake(status=0, report=stage % (1, "true"))
    with pytest.raises(ExecvmError, match="does not say why"):
        here.command("true").execute()
    fake(status=7, report=stage % (0, "false"))
    with pytest.raises(ExecvmError, match="status 7, and a report of 1 stages of 1"):
        here.command("true").execute()
    fake(status=0, report=stage % (0, "false"))
    assert here.command("true").execute().status == 0


def test_a_program_that_is_killed_is_no_result(fake):
    fake(signal=9)
    with pytest.raises(ExecvmError, match="execvm pipeline: killed by SIGKILL"):
        here.command("true").run()


def test_execvm_names_the_program(monkeypatch):
    monkeypatch.setenv("EXECVM", "/no/such/execvm")
    with pytest.raises(ExecvmError, match="/no/such/execvm: no such program; .* EXECVM names it"):
        here.command("true").run()


def test_without_execvm_it_is_looked_for_in_path(monkeypatch, tmp_path):
    monkeypatch.delenv("EXECVM")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(ExecvmError, match=f"EXECVM is not set, and it is not in PATH.*{tmp_path}"):
        here.command("true").run()
    (tmp_path / "execvm").symlink_to(REAL or FAKE)
    assert here.command("echo", "a").run("") == "a"


def test_a_program_that_cannot_be_started_says_why(monkeypatch, tmp_path):
    (tmp_path / "execvm").write_bytes(b"\x7fELF")
    (tmp_path / "execvm").chmod(0o755)
    monkeypatch.setenv("EXECVM", str(tmp_path / "execvm"))
    with pytest.raises(ExecvmError, match="execvm: Exec format error"):
        here.command("true").run()


def test_nothing_is_left_behind(monkeypatch, tmp_path):
    (tmp_path / "t").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "t"))
    before = os.listdir("/proc/self/fd")
    here.command("true").run()
    sh("exit 1").execute("")
    with pytest.raises(ExecvmError):
        command("x").run(runner="nope")
    assert os.listdir(tmp_path / "t") == [] and os.listdir("/proc/self/fd") == before


def test_an_exception_ends_the_stages(tmp_path):
    def late(*_):
        raise TimeoutError("late")

    before = signal.signal(signal.SIGALRM, late)
    try:
        signal.setitimer(signal.ITIMER_REAL, 1.5)
        with pytest.raises(TimeoutError, match="late"):
            sh("echo $$ > pid; exec sleep 60").run("")
    finally:
        signal.signal(signal.SIGALRM, before)
    assert gone(tmp_path / "pid")
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def interrupted(script, pid_file, signals):
    """A Python that runs the script, and gets SIGINT with its group, as from a terminal."""
    code = f"from execvm import *\nlocal_runner().command('/bin/sh', '-c', {script!r}).run('')"
    process = subprocess.Popen(
        [sys.executable, "-c", code], start_new_session=True, stderr=subprocess.PIPE
    )
    while not (pid_file.exists() and pid_file.read_text().endswith("\n")):
        time.sleep(0.05)
    for _ in range(signals):
        time.sleep(0.7)
        os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert err.rstrip().endswith(b"KeyboardInterrupt"), err.decode()
    assert gone(pid_file)


def test_an_interrupt_waits_for_the_stages(tmp_path):
    interrupted(
        "trap 'sleep 1; echo done > done; exit 1' INT; echo $$ > pid; sleep 60",
        tmp_path / "pid", 1,
    )
    assert (tmp_path / "done").exists()


def test_a_second_interrupt_ends_them(tmp_path):
    interrupted("trap '' INT; echo $$ > pid; exec sleep 60", tmp_path / "pid", 2)
