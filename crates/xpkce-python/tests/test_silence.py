"""What listens for tokens in the other tests hears them."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest
from silence import MARKS

TOKEN = f"ZmFrZQ{MARKS[0]}"


def is_failed(folder: pathlib.Path, say: str) -> bool:
    """Whether a test that does this fails, as a process of its own: what it says is not heard."""
    (folder / "conftest.py").write_text("from silence import pytest_warning_recorded, silence\n")
    lines = ["import logging, os, warnings", "def test_it():", f"    {say}"]
    (folder / "test_it.py").write_text("\n".join(lines))
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--rootdir={folder}"]
    environ = os.environ | {"PYTHONPATH": str(pathlib.Path(__file__).parent), "TOKEN": TOKEN}
    pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    ran = subprocess.run([*command, folder], env=environ, cwd=folder, text=True, **pipe)
    assert "1 passed" in ran.stdout or "a token is in what was said" in ran.stdout, ran.stdout
    return ran.returncode != 0


@pytest.mark.parametrize(
    "say",
    [
        "print(os.environ['TOKEN'])",
        "os.system('echo $TOKEN >&2')",
        "logging.getLogger('xpkce.keeper').debug(os.environ['TOKEN'])",
        "logging.warning('careless: %s', os.environ['TOKEN'])",
        "warnings.warn(os.environ['TOKEN'])",
    ],
)
def test_a_token_fails_the_test_that_says_it(tmp_path, say):
    assert is_failed(tmp_path, say)


def test_nothing_that_matters_fails_nothing(tmp_path):
    assert not is_failed(tmp_path, "print('a token')")
