"""How kernels are compiled: what is said while they are."""

from __future__ import annotations

import os
import subprocess
import sys

SCRIPT = """
from potscope.core.compiled import announced
from potscope.core.radial import interval
heard = []
with announced(heard.append):
    interval(1.0, 0.3)
    interval(2.0, 0.3)
print(len(heard))
assert all(words.startswith('compiling, once per installation: interval (') for words in heard), heard
interval(1, 0.3)  # another signature, while nobody listens
print(len(heard))
"""


def heard(cache: str) -> list[str]:
    """How many compilations a process hears of, with a cache of its own."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": cache}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=300, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_a_compilation_is_heard_of_once_per_installation(tmp_path) -> None:
    assert heard(str(tmp_path)) == ["1", "1"]
    assert heard(str(tmp_path)) == ["0", "0"]
