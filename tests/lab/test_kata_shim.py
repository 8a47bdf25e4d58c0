"""The shim's own tests, which are written beside it in its language."""

from __future__ import annotations

import subprocess
from pathlib import Path

SHIM = Path(__file__).parent / "go/kata_shim"


def test_the_shim_passes_its_own_tests() -> None:
    ran = subprocess.run(["go", "test", "./..."], cwd=SHIM, capture_output=True, text=True)
    assert 0 == ran.returncode, ran.stdout + ran.stderr
