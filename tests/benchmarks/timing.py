"""What the workers share: the structures, and how a time is taken. Needs NumPy and ASE alone, as peers have them."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

from ase import Atoms
from ase.build import bulk

SIZES = {64: (2, 2, 2), 512: (4, 4, 4), 4096: (8, 8, 8)}


def rattled_silicon(size: int) -> Atoms:
    """Diamond silicon with displacements of 0.1 Å."""
    atoms = bulk("Si", cubic=True, a=5.47) * SIZES[size]
    atoms.rattle(0.1, seed=1)
    return atoms


def microseconds_an_atom(
    function: Callable[[], object], n_atoms: int, seconds: float = 1.5, clock: Callable[[], float] = time.process_time
) -> float:
    """The fastest of as many calls as fit in some seconds, at least three; the first call is not counted.

    Time of the processor, of all threads together: what else runs on the machine counts little. Work of several threads
    needs another clock, ``time.perf_counter``.
    """
    function()
    best, started, calls = float("inf"), clock(), 0
    while calls < 3 or clock() - started < seconds:
        begin = clock()
        function()
        best = min(best, clock() - begin)
        calls += 1
    return best / n_atoms * 1e6


def report(version: str, times: dict[str, float]) -> None:
    """Hand the times to the script that started this one."""
    sys.stdout.write(json.dumps({"version": version, "times": times}) + "\n")
