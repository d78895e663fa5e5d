"""Batches: nothing is lost, memory is bounded, and a cluster gives the same."""

from __future__ import annotations

import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from potscope.core.batches import batches, bytes_of, features_in_batches, map_features
from potscope.core.descriptors import REGISTRY, SOAP, Descriptor
from potscope.core.features import Features

from systems import SYSTEMS, species_of

MOLECULES = [SYSTEMS["water"], SYSTEMS["ethanol"]] * 20
SMALL = SOAP(species=["H", "C", "O"], n_max=3, l_max=2)


def sums(features: Features) -> np.ndarray:
    return np.asarray(features.values.sum(axis=0))


class PoolClient:
    """The two methods of a dask client, in threads; what travels is pickled on the way, as between processes."""

    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(2)

    def map(self, function, batches):
        return [self.pool.submit(pickle.loads(pickle.dumps(function)), batch) for batch in batches]  # noqa: S301

    def gather(self, futures):
        return [future.result() for future in futures]


def test_batches_are_all_structures_in_their_order() -> None:
    most = 5 * bytes_of(SYSTEMS["ethanol"], SMALL)
    found = list(batches(MOLECULES, SMALL, most))
    assert len(found) > 3
    assert [atoms for _, batch in found for atoms in batch] == MOLECULES
    assert [k for places, _ in found for k in range(places.start, places.stop)] == list(range(len(MOLECULES)))
    assert all(sum(bytes_of(atoms, SMALL) for atoms in batch) <= most for _, batch in found)
    assert [len(batch) for _, batch in batches(MOLECULES[:3], SMALL, 1.0)] == [1, 1, 1]
    assert list(batches([], SMALL)) == []


def test_an_iterator_is_read_no_further_than_asked() -> None:
    read = []

    def source():
        for index, atoms in enumerate(MOLECULES):
            read.append(index)
            yield atoms

    next(batches(source(), SMALL, 3 * bytes_of(SYSTEMS["ethanol"], SMALL)))
    assert len(read) < 10


@pytest.mark.parametrize("cls", REGISTRY.values(), ids=REGISTRY.keys())
def test_features_in_batches_are_those_of_all_at_once(cls: type[Descriptor]) -> None:
    structures = [atoms for atoms in SYSTEMS.values() if cls.describes(atoms)]
    species = {"species": species_of(*structures)} if "species" in cls.__dataclass_fields__ else {}
    descriptor = cls(**species)
    whole = descriptor.compute(structures)
    rows = [features.values for _, features in features_in_batches(structures, descriptor, 500.0)]
    assert len(rows) > 1
    np.testing.assert_allclose(np.concatenate(rows), whole.values, rtol=1e-12, atol=1e-12)


def test_a_client_gives_the_same_in_the_same_order() -> None:
    most = 3 * bytes_of(SYSTEMS["ethanol"], SMALL)
    here = list(map_features(sums, MOLECULES, SMALL, most_bytes=most))
    there = list(map_features(sums, MOLECULES, SMALL, client=PoolClient(), most_bytes=most))
    assert [places for places, _ in here] == [places for places, _ in there]
    np.testing.assert_allclose([total for _, total in here], [total for _, total in there], rtol=1e-13)


def test_a_dask_client_gives_the_same() -> None:
    distributed = pytest.importorskip("distributed", reason="dask.distributed is not installed")
    most = 10 * bytes_of(SYSTEMS["ethanol"], SMALL)
    with distributed.Client(processes=False, n_workers=1, threads_per_worker=2, dashboard_address=None) as client:
        there = list(map_features(sums, MOLECULES, SMALL, client=client, most_bytes=most))
    here = list(map_features(sums, MOLECULES, SMALL, most_bytes=most))
    np.testing.assert_allclose([total for _, total in here], [total for _, total in there], rtol=1e-13)


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="`most_bytes`"):
        next(batches(MOLECULES, SMALL, 0.0))
    with pytest.raises(TypeError, match="`structures`"):
        next(batches("water", SMALL))
    with pytest.raises(TypeError, match=r"`structures`.*item 1"):
        list(batches(iter([SYSTEMS["water"], "ethanol"]), SMALL))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the largest memory is read from Linux' /proc")
def test_memory_does_not_grow_with_the_number_of_structures() -> None:
    """In a process of its own, as the largest memory of a process never falls.

    What `resource.getrusage` gives would not do: a new process begins with the largest memory of the one that made it.
    """
    script = """
from ase.build import molecule
from potscope.core.batches import features_in_batches
from potscope.core.descriptors import SOAP
soap = SOAP(species=["H", "C", "O"], n_max=8, l_max=6)
def megabytes():
    with open("/proc/self/status") as file:
        return int(next(line for line in file if line.startswith("VmHWM")).split()[1]) / 1024
def run(number):
    def source():
        for _ in range(number):
            yield molecule("CH3CH2OH")
    return sum(len(features.values) for _, features in features_in_batches(source(), soap))
assert run(1500) == 13500
before = megabytes()
assert run(15000) == 135000
after = megabytes()
print(f"{before:.0f} MB, then {after:.0f} MB")
assert after < before + 100 and after < 1000, (before, after)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
