"""The data of a session: what is open, where it was read from, and what is kept for testing."""

from __future__ import annotations

import re
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import param

from potscope import sample_data
from potscope.core import Dataset
from potscope.core.reading import stem
from potscope.explorer.energies import EnergyZero
from potscope.explorer.jobs import Jobs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from potscope.core._types import Array, IntArray

READ_JOB = "Reading"


class SessionData(param.Parameterized):
    """What one person has opened, and how it is divided; `Session` is this and all that follows from it."""

    dataset = param.ClassSelector(class_=Dataset, allow_None=False, doc="The structures and their references.")
    sample = param.String(default="", doc="The name of a bundled set, as `sample_data.load` takes it.")
    files = param.List(default=[], item_type=Path, doc="The files it was read from; empty for a bundled set.")
    keys = param.Dict(default={}, doc="Keys that were asked for, as arguments of `Dataset.read`.")
    refused = param.ClassSelector(class_=Exception, doc="Why the last data that were to be opened were not.")
    test_fraction = param.Number(default=0.1, bounds=(0.0, 0.5), doc="Fraction of the structures kept for testing.")
    split_by = param.Selector(default="group", objects=["group", "random"], doc="How test structures are drawn.")
    split_seed = param.Integer(default=0, bounds=(0, None), doc="Seed of the draw.")
    reading = param.ClassSelector(class_=Jobs, constant=True, doc="The reading of data, which waits for nothing else.")

    @property
    def title(self) -> str:
        """What the dataset is called on the screen."""
        return ", ".join(path.name for path in self.files) or self.dataset.name

    def open(self, dataset: Dataset, files: Sequence[str | Path] = (), sample: str = "", **keys: str) -> None:
        """Look at another dataset.

        Parameters
        ----------
        dataset
            The structures and their references.
        files, sample
            Where they are from: the names of files, or that of a bundled set.
        keys
            What `Dataset.read` or `sample_data.load` was asked for.
        """
        self.param.update(dataset=dataset, files=[Path(file) for file in files], sample=sample, keys=keys, refused=None)

    def start_reading(self, read: Callable[[], Dataset], files: Sequence[Path] = (), **origin: str) -> None:
        """Open what `read` returns, as a job beside all others; where the data are at fault, `refused` says why.

        Parameters
        ----------
        read
            Function that reads, run in a thread.
        files, origin
            As of `open`.
        """

        def attempt(_: Any) -> Dataset | Exception:
            try:
                dataset = read()
            except (ValueError, TypeError, OSError) as error:
                return error
            _ = dataset.fingerprint  # of large data it takes a while, and is kept
            return dataset

        def finish(result: Dataset | Exception) -> None:
            if isinstance(result, Exception):
                self.refused = result
            else:
                self.open(result, files, **origin)

        self.reading.start(READ_JOB, attempt, finish)

    def read(self, *files: str | Path, **keys: str) -> None:
        """Open a dataset from files, with `Dataset.read`'s keys; an error leaves everything as it was."""
        self.open(Dataset.read(*files, **keys), files, **keys)

    def start_reading_files(self, files: Sequence[str | Path], **keys: str) -> None:
        """Open a dataset from files as a job; see `start_reading`."""
        paths = [Path(file) for file in files]
        self.start_reading(lambda: Dataset.read(*paths, **keys), paths, **keys)

    def kept(self, contents: Mapping[str, bytes]) -> list[Path]:
        """Files with some contents, by name, on disk while the session lives.

        Each lies in a folder named after it, less a number at the end, as some formats take the folder for the group.
        """
        folder = Path(tempfile.mkdtemp(prefix="potscope-"))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        files = []
        for name in map(Path, contents):
            group = re.sub(r"[-_. ]*\d+$", "", stem(name)) or "uploaded"
            files.append(folder / group / name.name)
            files[-1].parent.mkdir(exist_ok=True)
            files[-1].write_bytes(contents[str(name)])
        return files

    def read_with_keys(self, **keys: str) -> None:
        """Read the same again as a job, with other keys, or in other units; empty for those that files tell."""
        if not self.files and not self.sample:
            raise ValueError("`files`: expected a dataset that was read from files or is bundled, got one of neither")
        asked = {**self.keys, **keys}
        if not asked.get("units", ""):
            asked.pop("units", None)
        if self.files:
            self.start_reading_files(self.files, **asked)
        else:
            sample = self.sample
            self.start_reading(lambda: sample_data.load(sample, **asked), sample=sample, **asked)

    @param.depends("dataset", watch=True, on_init=True)
    def _find_energy_zero(self) -> None:
        self.energy_zero = EnergyZero.of(self.dataset)

    @param.depends("dataset", watch=True, on_init=True)
    def _draw_from_the_whole(self) -> None:
        """Nothing can be drawn from groups of one."""
        if max(self.dataset.group_sizes.values()) == 1:
            self.split_by = "random"

    @property
    def shown_energies_s(self) -> Array:
        """Reference energies as they are shown, eV/atom; see `potscope.explorer.energies`."""
        return np.asarray(self.dataset.energies / self.dataset.n_atoms - self.energy_zero.zero_s)

    @param.depends("dataset", "test_fraction", "split_by", "split_seed")
    def split(self) -> tuple[IntArray, IntArray]:
        """Indices of the structures to fit, and of those kept for testing."""
        if len(self.dataset) < 2 or self.test_fraction == 0:
            return np.arange(len(self.dataset)), np.arange(0)
        return self.dataset.split_indices(**self.split_arguments())

    def split_arguments(self) -> dict[str, Any]:
        """The arguments of `Dataset.split_indices`."""
        return {"test": self.test_fraction, "by": self.split_by, "seed": self.split_seed}
