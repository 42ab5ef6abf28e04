# SPDX-License-Identifier: MIT
import base64
import csv
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from conftest import HERE

ROOT = HERE.parent


def build(kind, source, where):
    """The bytes of what the backend in a tree builds there, and its name."""
    where.mkdir(exist_ok=True)
    code = f"import build_backend; print(build_backend.build_{kind}({str(where)!r}))"
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "SOURCE_DATE_EPOCH")}
    made = subprocess.run(
        [sys.executable, "-B", "-c", code], cwd=source, env=env, capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr
    return where / made.stdout.strip()


@pytest.fixture
def sdist(tmp_path):
    path = build("sdist", ROOT, tmp_path / "s")
    with tarfile.open(path) as archive:
        archive.extractall(tmp_path)
    return tmp_path / path.name[: -len(".tar.gz")]


def test_the_wheel_is_what_its_record_says(tmp_path):
    path = build("wheel", ROOT, tmp_path)
    if not (ROOT / "PKG-INFO").exists():
        version = (ROOT.parent / "VERSION").read_text().strip()
        assert path.name == f"execvm-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path) as wheel:
        names = wheel.namelist()
        info = names[0].split("/")[0]
        assert names[:-1] == sorted(names[:-1]) and names[-1] == f"{info}/RECORD"
        assert {"execvm/py.typed", f"{info}/METADATA", f"{info}/LICENSE"} <= set(names)
        rows = list(csv.reader(wheel.read(names[-1]).decode().splitlines()))
        assert [row[0] for row in rows] == names
        for name, digest, size in rows[:-1]:
            data = wheel.read(name)
            sha = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
            assert (digest, int(size)) == (f"sha256={sha}", len(data))
        assert rows[-1][1:] == ["", ""]


def test_builds_are_the_same_bytes(tmp_path):
    for kind in ("wheel", "sdist"):
        one, two = build(kind, ROOT, tmp_path / "1"), build(kind, ROOT, tmp_path / "2")
        assert one.read_bytes() == two.read_bytes()


def test_an_sdist_builds_the_same_wheel_and_sdist(tmp_path, sdist):
    for kind in ("wheel", "sdist"):
        one, two = build(kind, ROOT, tmp_path / "1"), build(kind, sdist, tmp_path / "2")
        assert one.name == two.name and one.read_bytes() == two.read_bytes()


def test_a_copy_without_a_version_says_so(tmp_path, sdist):
    shutil.copytree(sdist, tmp_path / "copy" / "python")
    (tmp_path / "copy" / "python" / "PKG-INFO").unlink()
    with pytest.raises(AssertionError, match="neither the repository's VERSION nor an sdist's"):
        build("wheel", tmp_path / "copy" / "python", tmp_path / "w")


@pytest.mark.skipif(importlib.util.find_spec("ensurepip") is None, reason="needs venv with pip")
def test_pip_installs_it_without_a_network(tmp_path):
    python = tmp_path / "venv" / "bin" / "python"
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    # Nothing answers there, so whatever asks fails.
    env.update(PIP_INDEX_URL="http://127.0.0.1:9/", PIP_RETRIES="0", PIP_CONFIG_FILE=os.devnull,
               PYTHONDONTWRITEBYTECODE="1", PIP_DISABLE_PIP_VERSION_CHECK="1")
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True, env=env)
    subprocess.run([python, "-m", "pip", "install", "-q", ROOT], check=True, env=env)
    code = "import execvm; print(execvm.__file__, execvm.local_runner().command('echo', 'a').run())"
    out = subprocess.run([python, "-c", code], check=True, env=env, capture_output=True, text=True)
    assert str(tmp_path) in out.stdout and out.stdout.endswith(" a\n")


def test_mypy_is_content(tmp_path):
    mypy = shutil.which("mypy")
    if mypy is None:
        pytest.skip("needs mypy")
    (tmp_path / "use.py").write_text(
        "from execvm import *\n"
        "block = local_runner().command('a', b'b', env={'A': 'b'}) | command(chain(['x'])) > 'f'\n"
        "text: str = block.run(input=b'', check=False, runner='local')\n"
        "stages: int = len(block.execute().stages)\n"
    )
    package = ["execvm", "build_backend.py"]
    for args, cwd in ((package, ROOT), (["use.py"], tmp_path)):
        out = subprocess.run(
            [mypy, "--strict", f"--cache-dir={tmp_path}/cache", *args],
            cwd=cwd, capture_output=True, text=True, env={**os.environ, "MYPYPATH": str(ROOT)},
        )
        assert out.returncode == 0, out.stdout + out.stderr
