"""Settings of a descriptor that suit the data: small enough to work with, large enough for what is there."""

from __future__ import annotations

from typing import Any

import numpy as np

from potscope.core import Dataset
from potscope.core.hyperparameters import Species, declared

MOST_FEATURES = 1100
"""More than these for each atom, and a kernel between a few thousand atoms takes minutes."""

MOST_NUMBERS = 40_000_000
"""Features of all atoms together: what a potential holds in memory while it is fitted."""

MOST_SLOPES = 4_000_000
"""Features of all atoms whose forces are fitted: each has derivatives by the places of all neighbours."""

FEWEST_FEATURES = 200

RESOLUTIONS: tuple[dict[str, int], ...] = (
    *({"n_max": n, "l_max": l} for n, l in ((6, 4), (5, 4), (4, 4), (4, 3), (3, 3), (3, 2), (2, 2))),
    *({"twojmax": twojmax} for twojmax in (6, 5, 4, 3, 2)),
)
"""What decides how many features there are, by the names that descriptors give it; each finer than the next."""


def from_data(cls: type, dataset: Dataset) -> dict[str, Any]:
    """The hyperparameters that can only be known from the data: the elements."""
    return {name: dataset.species for name, item in declared(cls).items() if item.type is Species}


def suggested(cls: type, dataset: Dataset) -> dict[str, Any]:
    """Hyperparameters of a descriptor, where its defaults would not suit the data.

    Room for the largest structure; and a coarser resolution where there are so many elements or atoms that the
    default would take minutes.

    Parameters
    ----------
    cls
        Class of the descriptor.
    dataset
        The data.
    """
    items = declared(cls)
    found: dict[str, Any] = {}
    if "n_atoms_max" in items:
        most = int(dataset.n_atoms.max())
        low, high = items["n_atoms_max"].bounds or (most, most)
        found["n_atoms_max"] = int(np.clip(most, low, high))
    limit = MOST_FEATURES
    if getattr(cls, "scope", "") == "atom":
        limit = most_features(dataset)
        if n_features(cls, dataset, found) > limit:
            found |= _coarser(cls, dataset, found, limit)
    return {name: value for name, value in found.items() if value != items[name].default}


def most_features(dataset: Dataset) -> int:
    """How many features of each atom can be worked with."""
    with_forces = sum(len(forces_nc) for forces_nc in dataset.forces if forces_nc is not None)
    limit = min(MOST_NUMBERS / dataset.n_atoms.sum(), MOST_SLOPES / max(1, with_forces))
    return int(np.clip(limit, FEWEST_FEATURES, MOST_FEATURES))


def n_features(cls: type, dataset: Dataset, values: dict[str, Any]) -> int:
    """How many features a descriptor has with these hyperparameters; 0 where it cannot be made with them."""
    try:
        return len(cls(**from_data(cls, dataset), **values).names)
    except (ValueError, TypeError):
        return 0


def _coarser(cls: type, dataset: Dataset, known: dict[str, Any], limit: int) -> dict[str, int]:
    """The finest of `RESOLUTIONS` that has few enough features, or else the coarsest."""
    usual = {name: item.default for name, item in declared(cls).items() if isinstance(item.default, int)}
    suitable = [one for one in RESOLUTIONS if set(one) <= set(usual) and all(one[name] < usual[name] for name in one)]
    few_enough = (one for one in suitable if 0 < n_features(cls, dataset, {**known, **one}) <= limit)
    return next(few_enough, suitable[-1] if suitable else {})
