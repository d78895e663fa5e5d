"""How the numerical kernels are compiled, and how they are spread over threads: the one place that knows.

Kernels are plain loops over flat arrays, compiled by numba, cached on disk, and free of Python's global lock. They
work on a range of atoms, ``kernel(start, stop, ...)``, and write to disjoint parts of their outputs. So threads need
nothing from numba: its own threading layers are not used, of which the default one ends the process when two Python
threads call it at once, as a server of several sessions does. Results do not depend on the number of threads at all.

Kernels that call one another often hand over arrays one by one: of a tuple, numba counts the references of each array
at every call, which made symmetry functions and the way back through SOAP slower by a quarter.

The first call of a kernel after an installation compiles it, which takes seconds; `announced` says so meanwhile.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar, cast

import numba
from numba.core import event

# Sums may be reordered, so that they run in vector registers; NaN and infinity keep their meaning.
FASTMATH = {"reassoc", "contract", "arcp", "nsz"}

ATOMS_A_THREAD = 64  # below this, handing work to a thread costs more than it saves

F = TypeVar("F", bound=Callable[..., Any])

_settings = {"threads": os.cpu_count() or 1}


def kernel(function: F) -> F:
    """Compile a function over flat arrays; what it calls must be a kernel too."""
    compiled: Any = numba.njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy")(function)
    return cast(F, compiled)


def set_num_threads(threads: int) -> None:
    """Choose how many threads the kernels use; by default as many as there are processors.

    Raises
    ------
    ValueError
        If there would be none.
    """
    if threads < 1:
        raise ValueError(f"`threads`: expected at least 1, got {threads}")
    _settings["threads"] = int(threads)


def get_num_threads() -> int:
    """How many threads the kernels use."""
    return _settings["threads"]


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="potscope-kernel")


def over_atoms(function: Callable[..., None], n_atoms: int, *arguments: object) -> None:
    """Call ``function(start, stop, *arguments)`` for ranges that cover all atoms, in parallel where it pays."""
    threads = min(get_num_threads(), max(1, n_atoms // ATOMS_A_THREAD))
    if threads == 1:
        function(0, n_atoms, *arguments)
        return
    # more parts than threads, so that a range of crowded atoms does not keep all others waiting
    parts = 4 * threads
    edges = [n_atoms * k // parts for k in range(parts + 1)]
    futures = [_pool(threads).submit(function, start, stop, *arguments) for start, stop in itertools.pairwise(edges)]
    for future in futures:
        future.result()


@contextmanager
def announced(announce: Callable[[str], None]) -> Iterator[None]:
    """Call `announce` with a few words whenever a kernel begins to be compiled inside the block.

    What is in numba's cache on disk is not compiled again: after the first time on a machine nothing is announced. The
    words come from the thread that compiles, which is the one that calls, one of the pool, or one of another session.

    Parameters
    ----------
    announce
        Takes words such as ``compiling, once per installation: density (12 s)``. It must not raise: the compilation
        may be that of another session, which an exception would end.
    """
    listener = _Announcer(announce)
    event.register("numba:compile", listener)  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        event.unregister("numba:compile", listener)  # type: ignore[no-untyped-call]


class _Announcer(event.Listener):
    def __init__(self, announce: Callable[[str], None]) -> None:
        self.announce, self.started = announce, time.perf_counter()

    def on_start(self, event: Any) -> None:
        function = event.data["dispatcher"].py_func
        if function.__module__.startswith("numba."):
            return  # a part of what has been announced
        seconds = time.perf_counter() - self.started
        name = function.__name__.strip("_").replace("_", " ")
        self.announce(f"compiling, once per installation: {name} ({seconds:.0f} s)")

    def on_end(self, event: Any) -> None:
        """Nothing to say: the next kernel says that it begins."""
