"""The environment of one atom as a session looks at it: what each neighbour contributes to a feature or a kernel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import param
from ase import Atoms

from potscope.core.descriptors import LocalDescriptor
from potscope.core.explain import Explanation, Shares, explain
from potscope.explorer.jobs import Jobs

if TYPE_CHECKING:
    from potscope.core import Dataset
    from potscope.core._types import Array
    from potscope.explorer.session import Session

EXPLAIN_JOB = "Explanation"
KERNEL = ""
"""The `quantity` that is no feature but the kernel with the reference environment."""

USUAL_ZETA = 2.0

Place = tuple[int, int]
"""A structure of the dataset, and an atom in it."""


@dataclass(frozen=True)
class Explained:
    """The features of an environment, shared out, and those of the environment it is compared with.

    Attributes
    ----------
    explanation
        What each neighbour adds to each feature.
    reference_f
        Features of the reference environment, shape (features,).
    place, reference
        Where the two are.
    descriptor
        What made the features.
    """

    explanation: Explanation
    reference_f: Array
    place: Place
    reference: Place
    descriptor: LocalDescriptor


def compute(dataset: Dataset, descriptor: LocalDescriptor, place: Place, reference: Place) -> Explained:
    """Share the features of an environment out, and describe the reference."""
    explanation = explain(descriptor, dataset.structures[place[0]], place[1])
    reference_f = descriptor.compute(dataset.structures[reference[0]]).values[reference[1]]
    return Explained(explanation, reference_f, place, reference, descriptor)


class Environment(param.Parameterized):
    """The environment of the selected atom of a session; computed while it is looked at.

    Parameters
    ----------
    session
        The session.
    post
        As of `potscope.explorer.jobs.Jobs`.
    """

    shown = param.Boolean(default=False, doc="Whether it is looked at.")
    quantity = param.String(default=KERNEL, doc="The feature that is shared out; empty for the kernel.")
    reference = param.Tuple(
        default=None, length=2, allow_None=True, doc="Structure and atom that the kernel compares with; itself if None."
    )
    neighbour = param.Integer(default=None, bounds=(0, None), doc="The neighbour that is marked.")
    explained = param.ClassSelector(class_=Explained, doc="The environment, its features shared out.")
    problem = param.String(default="", doc="Why there is none.")

    def __init__(self, session: Session, post: Callable[[Callable[[], None]], Any] | None = None) -> None:
        super().__init__()
        self.session = session
        self.jobs = Jobs(post)
        session.param.watch(lambda *_: self._forget(), "dataset")
        session.param.watch(lambda *_: self.follow(), ["selected", "selected_atom"])
        session.descriptor.param.watch(lambda *_: self.follow(), ["choice", "values", "suggested", "problems"])
        self.param.watch(lambda *_: self.follow(), ["shown", "reference"])

    @property
    def place(self) -> Place:
        """The selected structure and its selected atom, or its first."""
        return self.session.selected, self.session.selected_atom or 0

    def _forget(self) -> None:
        self.param.update(reference=None, explained=None, neighbour=None, quantity=KERNEL)
        self.follow()

    def follow(self) -> None:
        """Explain what is selected now, as a job that waits for nothing, unless nobody looks."""
        if not self.shown:
            return
        session, place = self.session, self.place
        try:
            descriptor = session.build_descriptor()
        except (ValueError, TypeError) as error:
            self.param.update(explained=None, problem=str(error))
            return
        if not isinstance(descriptor, LocalDescriptor):
            words = f"{session.descriptor.title} describes whole structures, in which no atom has neighbours of its own"
            self.param.update(explained=None, problem=f"{words}; choose a model on descriptors of atoms.")
            return
        dataset, reference = session.dataset, self.reference or place
        known = self.explained
        if known is not None and (known.place, known.reference, known.descriptor) == (place, reference, descriptor):
            return

        def attempt(_: Any) -> Explained | Exception:
            try:
                return compute(dataset, descriptor, place, reference)
            except (ValueError, TypeError) as error:
                return error

        self.jobs.start(EXPLAIN_JOB, attempt, self._install)

    def _install(self, result: Explained | Exception) -> None:
        if isinstance(result, Exception):
            self.param.update(explained=None, neighbour=None, problem=str(result))
            return
        known = self.quantity in result.explanation.names
        same = self.explained is not None and self.explained.place == result.place
        self.param.update(
            explained=result,
            problem="",
            quantity=self.quantity if known else KERNEL,
            neighbour=self.neighbour if same else None,
        )

    @property
    def zeta(self) -> float:
        """Power of the kernel: the model's, where it has one."""
        model = self.session.model
        return float(model.value("zeta")) if "zeta" in model.declared() else USUAL_ZETA

    @param.depends("explained", "quantity")
    def shares(self) -> Shares | None:
        """What each neighbour contributes to what is asked for; None before the environment is explained."""
        if self.explained is None:
            return None
        explanation = self.explained.explanation
        if self.quantity == KERNEL or self.quantity not in explanation.names:
            return explanation.kernel(self.explained.reference_f, self.zeta)
        return explanation.feature(self.quantity)

    @property
    def atoms(self) -> Atoms:
        """The atom and its neighbours, in this order, without a cell: images are atoms of their own here."""
        if self.explained is None:
            return Atoms()
        explanation = self.explained.explanation
        centre = self.session.dataset.structures[self.explained.place[0]].numbers[explanation.atom]
        return Atoms([centre, *explanation.numbers_j], np.vstack([np.zeros(3), explanation.D_jc]))

    @property
    def values_n(self) -> Array:
        """What each of `atoms` contributes; NaN for the atom in the middle."""
        shares = self.shares()
        return np.empty(0) if shares is None else np.concatenate([[np.nan], shares.neighbours_j])

    def go_to_neighbour(self) -> None:
        """Look at the environment of the marked neighbour."""
        if self.explained is not None and self.neighbour is not None:
            atom = int(self.explained.explanation.neighbours_j[self.neighbour])
            self.neighbour = None
            self.session.selected_atom = atom

    def take_as_reference(self) -> None:
        """Compare with this environment from now on."""
        self.reference = self.place

    def close(self) -> None:
        """Stop whatever runs: the page is gone."""
        self.jobs.close()
