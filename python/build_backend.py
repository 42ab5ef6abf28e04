# SPDX-License-Identifier: MIT
"""The build backend (PEP 517): a wheel and an sdist, the same bytes from the same files.

Times are SOURCE_DATE_EPOCH or 1980-01-01, the first that a zip can hold. Version and licence are
those of the repository around this directory; an sdist has them in it.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import os
import re
import tarfile
import time
import zipfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
EPOCH = max(int(os.environ.get("SOURCE_DATE_EPOCH", 0)), 315532800)

WHEEL = """\
Wheel-Version: 1.0
Generator: execvm
Root-Is-Purelib: true
Tag: py3-none-any
"""

METADATA = """\
Metadata-Version: 2.1
Name: execvm
Version: {version}
Summary: Pipelines of commands in machines, containers and processes, as values
License: MIT
Classifier: License :: OSI Approved :: MIT License
Classifier: Operating System :: POSIX :: Linux
Classifier: Programming Language :: Python :: 3
Classifier: Typing :: Typed
Requires-Python: >=3.9
Description-Content-Type: text/markdown

{readme}"""


def build_wheel(
    wheel_directory: str,
    config_settings: Any = None,
    metadata_directory: str | None = None,
) -> str:
    version = _version()
    info = f"execvm-{version}.dist-info"
    files = _tree("execvm")
    files[f"{info}/LICENSE"] = _licence()
    files[f"{info}/METADATA"] = _metadata(version)
    files[f"{info}/WHEEL"] = WHEEL.encode()
    record = f"{info}/RECORD"
    rows = [f"{name},sha256={_digest(data)},{len(data)}\n" for name, data in sorted(files.items())]
    files[record] = "".join([*rows, f"{record},,\n"]).encode()
    name = f"execvm-{version}-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(wheel_directory, name), "w") as archive:
        # RECORD comes last, as the format recommends.
        for path in sorted(files, key=lambda path: (path == record, path)):
            entry = zipfile.ZipInfo(path, time.gmtime(EPOCH)[:6])
            entry.create_system = 3  # Unix, which is what the mode is for
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, files[path])
    return name


def build_sdist(sdist_directory: str, config_settings: Any = None) -> str:
    version = _version()
    files = {**_tree("execvm"), **_tree("tests")}
    for name in ("README.md", "build_backend.py", "pyproject.toml"):
        files[name] = (HERE / name).read_bytes()
    files["LICENSE"] = _licence()
    files["PKG-INFO"] = _metadata(version)
    name = f"execvm-{version}.tar.gz"
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(files):
            entry = tarfile.TarInfo(f"execvm-{version}/{path}")
            entry.size = len(files[path])
            entry.mtime = EPOCH
            archive.addfile(entry, io.BytesIO(files[path]))
    Path(sdist_directory, name).write_bytes(gzip.compress(plain.getvalue(), mtime=EPOCH))
    return name


def _tree(directory: str) -> dict[str, bytes]:
    paths = (HERE / directory).rglob("*")
    return {
        path.relative_to(HERE).as_posix(): path.read_bytes()
        for path in paths
        if path.suffix in (".py", ".typed")
    }


def _version() -> str:
    try:
        found = re.search(r"^Version: (.+)$", (HERE / "PKG-INFO").read_text(), re.MULTILINE)
        version = found.group(1) if found else ""
    except FileNotFoundError:
        version = _of_repository("VERSION").decode().strip()
    # A name of a file has the version in it, so a form that is not the normal one is not taken.
    if not re.fullmatch(r"\d+(\.\d+)*((a|b|rc)\d+)?(\.post\d+)?(\.dev\d+)?", version):
        raise SystemExit(f"execvm: {version!r} is no version as PEP 440 writes them")
    return version


def _licence() -> bytes:
    own = HERE / "LICENSE"
    return own.read_bytes() if own.exists() else _of_repository("LICENSE")


def _of_repository(name: str) -> bytes:
    try:
        return (HERE.parent / name).read_bytes()
    except FileNotFoundError:
        raise SystemExit(f"execvm: neither the repository's {name} nor an sdist's") from None


def _metadata(version: str) -> bytes:
    readme = (HERE / "README.md").read_text("utf-8")
    return METADATA.format(version=version, readme=readme).encode()


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
