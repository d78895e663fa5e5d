"""What the generators of reference data share: resuming, two at a time, writing whole files only.

Each configuration is an `Atoms` with ``info["id"]`` and ``info["group"]``. Its result is written to a file of
its own as soon as it is there, under a temporary name that is then renamed, so that a run may be stopped at any
time and started again: what is finished is never computed twice, and nothing half-written is ever read.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import ase.io
from ase import Atoms

from potscope.core.writing import write_whole
from potscope.sample_data.configurations import finite_difference_copies, interleaved

ReferenceMethod = Callable[[Atoms, Path], Atoms]


class ReferenceFailed(RuntimeError):
    """A method gives no result for one configuration, which says nothing of the others."""


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
) -> dict[str, str]:
    """Compute every configuration that has no result yet, some at a time.

    One that fails stops no other; those that failed are listed at the end, and are tried again at the next call.

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

    Returns
    -------
    Reasons of those that failed, by id.

    Raises
    ------
    Exception
        Whatever `method` raises other than `ReferenceFailed`: that is no matter of one configuration.
    """
    todo = [atoms for atoms in configurations if not result_file(work, atoms).exists()]
    print(f"{len(configurations) - len(todo)} of {len(configurations)} are there; {len(todo)} to do", flush=True)

    def one(atoms: Atoms) -> str | None:
        scratch = work / "scratch" / str(atoms.info["id"])
        scratch.mkdir(parents=True, exist_ok=True)
        try:
            result = method(atoms, scratch)
        except ReferenceFailed as failure:
            return str(failure)
        write_whole(result_file(work, atoms), to_extxyz([result]))
        return None

    failed: dict[str, str] = {}
    pool = ThreadPoolExecutor(workers)
    try:
        futures = {pool.submit(one, atoms): str(atoms.info["id"]) for atoms in todo}
        for done, future in enumerate(as_completed(futures), start=1):
            name, reason = futures[future], future.result()
            if reason is not None:
                failed[name] = reason
            print(f"{done}/{len(todo)} {name}{f': {reason}' if reason else ''}", flush=True)
    finally:
        pool.shutdown(cancel_futures=True)
    for name, reason in sorted(failed.items()):
        print(f"failed: {name}: {reason}", flush=True)
    return failed


def collect(work: Path, groups: Sequence[str]) -> list[Atoms]:
    """The results that are there, group by group, each in the order of its ids."""
    return [
        frame
        for group in groups
        for path in sorted(work.glob(f"{group}-[0-9]*.xyz"))
        for frame in ase.io.iread(path, index=":")
    ]


def store(structures: Sequence[Atoms], path: Path) -> None:
    """Write the set; gzip without a time stamp where the name ends in ``.gz``, so that equal data make equal files.

    Prints the line that names the file, its contents and its hash in the README.
    """
    data = to_extxyz(structures)
    write_whole(path, gzip.compress(data, 9, mtime=0) if path.suffix == ".gz" else data)
    atoms = sum(map(len, structures))
    print(f"`{path.name}`: {len(structures):,} configurations, {atoms:,} atoms, SHA-256 `{sha256(path)}`")


def main(
    description: str,
    *,
    everything: Sequence[Atoms],
    method: ReferenceMethod,
    work: Path,
    file: Path,
    checked: Collection[str],
    described: str,
) -> None:
    """Command line of a generator of periodic cells.

    Parameters
    ----------
    description
        For ``--help``.
    everything
        All configurations, each with ``info["id"]`` and ``info["group"]``.
    method
        Computes one.
    work, file
        Folder of the single results, and where the set is written.
    checked
        Ids of those whose copies ``--check`` computes.
    described
        ``info["method"]`` of every frame.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--workers", type=int, default=2, help="how many to run at once, each on one processor")
    parser.add_argument("--collect", action="store_true", help="only gather what is there")
    parser.add_argument("--check", action="store_true", help="compute the copies for finite differences")
    arguments = parser.parse_args()
    if arguments.check:
        run(finite_difference_copies(everything, checked), method, work, arguments.workers)
        return
    if not arguments.collect:
        run(interleaved(everything), method, work, arguments.workers)
    groups = dict.fromkeys(str(atoms.info["group"]) for atoms in everything)
    found = collect(work, [group.replace(" ", "-") for group in groups])
    for atoms in found:
        atoms.info["method"] = described
    store(found, file)
