"""What fits ask of their data before anything else."""

from __future__ import annotations

import numpy as np

from potscope.core.dataset import Dataset


def check_energies(train: Dataset) -> None:
    """Raise a ValueError where no structure has a reference energy."""
    if not np.isfinite(train.energies).any():
        raise ValueError("`train`: expected at least one structure with a reference energy, got none")


def with_energies(train: Dataset) -> Dataset:
    """The structures that have a reference energy; a ValueError if there are none."""
    check_energies(train)
    return train[np.flatnonzero(np.isfinite(train.energies))]
