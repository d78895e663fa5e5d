"""Reference data that come with the project: a folder each, with a ``set.json`` and a README of provenance."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import as_file, files
from importlib.resources.abc import Traversable

from potscope.core.dataset import Dataset
from potscope.sample_data.fetching import fetch, fetchable

__all__ = ["SampleSet", "fetch", "fetchable", "list", "load"]

DESCRIPTION = "set.json"


@dataclass(frozen=True)
class SampleSet:
    """A set of reference data.

    Attributes
    ----------
    name
        What `load` calls it.
    title, description
        For people.
    method
        How the references were computed.
    file
        Name of the file with the structures, in the folder of the set.
    references
        Which of "energy", "forces" and "stress" every structure comes with.
    """

    name: str
    title: str
    description: str
    method: str
    file: str
    references: tuple[str, ...] = ("energy", "forces", "stress")

    def __post_init__(self) -> None:
        object.__setattr__(self, "references", tuple(self.references))


def list() -> tuple[SampleSet, ...]:  # noqa: A001 - read as sample_data.list()
    """The sets there are, by name."""
    return tuple(_described(folder) for folder in sorted(_folders(), key=lambda folder: folder.name))


def load(
    name: str,
    energy_key: str | None = None,
    forces_key: str | None = None,
    stress_key: str | None = None,
    group_key: str | None = None,
) -> Dataset:
    """Read a set.

    Parameters
    ----------
    name
        One of the names in `list`.
    energy_key, forces_key, stress_key, group_key
        Where its references and groups are to be taken from, as of `Dataset.read`: ``"E_atomisation"`` for the
        atomisation energies of molecules.

    Raises
    ------
    ValueError
        If there is no such set.
    """
    known = {folder.name: folder for folder in _folders()}
    if name not in known:
        raise ValueError(f"`name`: expected one of {', '.join(map(repr, sorted(known)))}, got {name!r}")
    with as_file(known[name] / _described(known[name]).file) as path:
        return Dataset.read(
            path, energy_key=energy_key, forces_key=forces_key, stress_key=stress_key, group_key=group_key
        )


def _folders() -> tuple[Traversable, ...]:
    return tuple(folder for folder in files(__name__).iterdir() if (folder / DESCRIPTION).is_file())


def _described(folder: Traversable) -> SampleSet:
    fields = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    return SampleSet(name=folder.name, **fields)
