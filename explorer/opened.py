"""Potentials from files: what they are, what their file says they were trained on, and the file of one of our own."""

from __future__ import annotations

import dataclasses
import io
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import param
from numpy.typing import NDArray

from potscope.core.hyperparameters import Declared
from potscope.core.models.files import PotentialFileError, load, notes_of, save
from potscope.explorer import work
from potscope.explorer.bases import family

if TYPE_CHECKING:
    from collections.abc import Iterator

    from potscope.core import Dataset
    from potscope.core.models import Potential
    from potscope.explorer.session import Session

TRAINED_ON = "trained_on"
OPEN_JOB, PREDICT_JOB = "Opening a potential", "Prediction"


@dataclass(frozen=True)
class TrainedOn:
    """What a potential has learnt from.

    Attributes
    ----------
    name
        Of the data set.
    species
        Its elements.
    structures
        Fingerprint of each structure; see `Dataset.fingerprint`.
    groups
        How many of them were in each group.
    """

    name: str
    species: tuple[str, ...]
    structures: tuple[str, ...]
    groups: Mapping[str, int]

    @classmethod
    def of(cls, data: Dataset, name: str) -> TrainedOn:
        """That of the structures of a data set."""
        return cls(name, data.species, _fingerprints(data), Counter(data.groups))

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> TrainedOn:
        """What `plain` has written."""
        groups = {str(group): int(count) for group, count in plain["groups"].items()}
        return cls(str(plain["name"]), tuple(plain["species"]), tuple(plain["structures"]), groups)

    def plain(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "name": self.name,
            "species": list(self.species),
            "structures": list(self.structures),
            "groups": dict(self.groups),
        }

    def seen(self, data: Dataset) -> NDArray[np.bool_]:
        """Whether each structure of a data set, with its references, was among them."""
        known = set(self.structures)
        return np.array([fingerprint in known for fingerprint in _fingerprints(data)], dtype=bool)


def _fingerprints(data: Dataset) -> tuple[str, ...]:
    return tuple(data[s].fingerprint for s in range(len(data)))


@dataclass(frozen=True, eq=False)
class Opened:
    """A fitted potential that was read from a file.

    Attributes
    ----------
    model
        The potential.
    path
        The file.
    trained_on
        What it has learnt from, where the file says so.
    """

    model: Potential
    path: Path
    trained_on: TrainedOn | None = None

    @classmethod
    def read(cls, path: str | Path) -> Opened:
        """Read a file that `Potential.save` or `saved` has written.

        Raises
        ------
        FileNotFoundError, PotentialFileError
            As of `potscope.core.models.load`.
        """
        source = Path(path)
        model, notes = load(source), notes_of(source)
        try:
            trained_on = TrainedOn.from_plain(notes[TRAINED_ON]) if TRAINED_ON in notes else None
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise PotentialFileError(f"{source} is damaged or incomplete: {error!r}") from error
        return cls(model, source, trained_on)

    @property
    def label(self) -> str:
        """What it is called on the screen."""
        return f"{family(self.model)} {self.path.stem}"


def saved(fit: work.Fit, name: str) -> io.BytesIO:
    """The file of a fitted potential, with what it was trained on.

    Parameters
    ----------
    fit
        The fit.
    name
        Of the data set.
    """
    if fit.source is None:
        trained_on: TrainedOn | None = TrainedOn.of(fit.dataset[fit.train_indices], name)
    else:
        trained_on = fit.source.trained_on
    notes = {TRAINED_ON: trained_on.plain()} if trained_on else None
    with tempfile.TemporaryDirectory() as folder:
        return io.BytesIO(save(fit.model, Path(folder) / "model.potscope", notes).read_bytes())


def parts_of(thing: Any) -> Iterator[Declared]:
    """A potential and what it is made of: descriptors, kernels, terms, other potentials, each with hyperparameters."""
    if isinstance(thing, Declared):
        yield thing
    if isinstance(thing, (list, tuple)):
        members = list(thing)
    elif dataclasses.is_dataclass(thing):
        members = [getattr(thing, one.name) for one in dataclasses.fields(thing) if one.init]
    else:
        members = []
    for member in members:
        yield from parts_of(member)


class Opening(param.Parameterized):
    """The potential that was read last, and its way onto the data.

    Parameters
    ----------
    session
        The session.
    """

    opened = param.ClassSelector(class_=Opened, doc="What was read last; it stays while other data are opened.")
    refused = param.ClassSelector(
        class_=Exception, doc="Why the last file was not read, or what is opened cannot be used on these data."
    )

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        session.param.watch(lambda *_: self.param.update(refused=None), "dataset")

    @property
    def in_use(self) -> bool:
        """Whether what is opened is what the whole page is about."""
        fit = self.session.fit
        return fit is not None and fit.source is self.opened

    def start(self, path: str | Path) -> None:
        """Read a file and predict the data with it, as jobs; where it is at fault, `refused` says why."""
        self.refused = None
        self.session.reading.start(OPEN_JOB, lambda _: _attempt(lambda: Opened.read(path)), self._finish)

    def _finish(self, result: Opened | Exception) -> None:
        if isinstance(result, Exception):
            self.refused = result
        else:
            self.take(result)

    def take(self, opened: Opened) -> None:
        """Look at what was read from a file, and predict the data with it."""
        self.opened = opened
        self.use()

    def use(self) -> None:
        """Predict the data with what is opened, as a job; a fit stays if it cannot be done."""
        opened, session = self.opened, self.session
        if opened is None:
            raise ValueError("`opened`: expected a potential that was opened, got None")
        self.refused = None
        dataset = session.dataset
        session.jobs.start(
            PREDICT_JOB,
            lambda progress: _attempt(lambda: work.predict_with(opened, dataset, progress)),
            self._install,
        )

    def _install(self, result: work.Fit | Exception) -> None:
        if isinstance(result, Exception):
            self.refused = result
        else:
            self.session.install(result)


Result = TypeVar("Result")


def _attempt(do: Callable[[], Result]) -> Result | ValueError | OSError:
    """What comes of it, or why not where file or data are at fault; whatever else goes wrong is the job's failure."""
    try:
        return do()
    except (ValueError, OSError) as error:
        return error
