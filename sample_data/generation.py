"""What the generators of reference data share: resuming, two at a time, writing whole files only.

Each configuration is an `Atoms` with ``info["id"]`` and ``info["group"]``. Its result is written to a file of
its own as soon as it is there, under a temporary name that is then renamed, so that a run may be stopped at any
time and started again: what is finished is never computed twice, and nothing half-written is ever read.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import ase.io
from ase import Atoms

ReferenceMethod = Callable[[Atoms, Path], Atoms]


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that it is either complete or absent."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_bytes(data)
    temporary.replace(path)


def to_extxyz(structures: Sequence[Atoms]) -> bytes:
    """Extended XYZ of some structures, as bytes."""
    buffer = io.StringIO()
    ase.io.write(buffer, list(structures), format="extxyz")
    return buffer.getvalue().encode()


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def result_file(work: Path, atoms: Atoms) -> Path:
    """Where the result of one configuration is kept."""
    return work / f"{atoms.info['id']}.xyz"


def run(
    configurations: Sequence[Atoms],
    method: ReferenceMethod,
    work: Path,
    workers: int = 2,
) -> None:
    """Compute every configuration that has no result yet, some at a time.

    Parameters
    ----------
    configurations
        What to compute, in this order.
    method
        Called with a configuration and an empty scratch folder; returns the configuration with
        ``REF_energy``, ``REF_forces`` and ``REF_stress``.
    work
        Folder of the results.
    workers
        How many run at once.
    """
    todo = [atoms for atoms in configurations if not result_file(work, atoms).exists()]
    print(f"{len(configurations) - len(todo)} of {len(configurations)} are there; {len(todo)} to do", flush=True)

    def one(atoms: Atoms) -> str:
        scratch = work / "scratch" / str(atoms.info["id"])
        scratch.mkdir(parents=True, exist_ok=True)
        write_whole(result_file(work, atoms), to_extxyz([method(atoms, scratch)]))
        return str(atoms.info["id"])

    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(one, atoms) for atoms in todo]
        for done, future in enumerate(as_completed(futures), start=1):
            print(f"{done}/{len(todo)} {future.result()}", flush=True)


def collect(work: Path, groups: Sequence[str]) -> list[Atoms]:
    """The results that are there, group by group, each in the order of its ids."""
    return [
        frame
        for group in groups
        for path in sorted(work.glob(f"{group}-[0-9]*.xyz"))
        for frame in ase.io.iread(path, index=":")
    ]


def store(structures: Sequence[Atoms], path: Path) -> None:
    """Write the set; gzip without a time stamp where the name ends in ``.gz``, so that equal data make equal files."""
    data = to_extxyz(structures)
    write_whole(path, gzip.compress(data, 9, mtime=0) if path.suffix == ".gz" else data)
