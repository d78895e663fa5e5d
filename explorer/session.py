"""The state of one person's session: what is loaded, chosen, fitted, selected. Parameters and no widgets.

Views hold a `Session` and nothing else. What follows from the state is a method marked with `param.depends`; what a
change sets off is a watcher. Everything here works without a page: set parameters, call methods, look at the result.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import param

from potscope.core import Dataset, Prediction
from potscope.core.descriptors import REGISTRY as DESCRIPTORS
from potscope.core.kernels import STRUCTURE_REGISTRY as KERNELS
from potscope.core.models import REGISTRY as MODELS
from potscope.explorer import colours, opened, work
from potscope.explorer.bases import BASES, composed
from potscope.explorer.colours import (
    ELEMENT,
    EXTRAPOLATION,
    FORCE,
    FORCE_ERROR,
    FORCE_STD,
    LOCAL_ENERGY,
    LOCAL_STD,
    AtomColours,
)
from potscope.explorer.comparing import Comparing
from potscope.explorer.defaults import suggested
from potscope.explorer.environment import Environment
from potscope.explorer.group_settings import GroupSettings
from potscope.explorer.jobs import Jobs
from potscope.explorer.session_data import SessionData
from potscope.explorer.settings import DynamicsSettings, MonteCarloSettings, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import pandas as pd
    from ase import Atoms

    from potscope.core._types import Array
    from potscope.core.dynamics import Frame

MAP_JOB, FIT_JOB = "Map", "Fit"
DYNAMICS_JOB, MONTE_CARLO_JOB = SIMULATIONS = "Molecular dynamics", "Monte Carlo"
UNCERTAINTY_JOB = "Uncertainty of atoms"

GROUP, ENERGY, ENERGY_ERROR = "group", "energy", "energy error"

MEV = 1000.0
"""Milli-electronvolts in an electronvolt."""


class Session(SessionData):
    """What one person has loaded, chosen, fitted and selected.

    Parameters
    ----------
    dataset
        The structures to look at.
    post
        How calls get back to the thread of the page; see `potscope.explorer.jobs.Jobs`.
    """

    descriptor = param.ClassSelector(class_=Settings, constant=True, doc="The descriptor of the fit.")
    map_descriptor = param.ClassSelector(class_=Settings, constant=True, doc="That of the map, where it is another.")
    map_kernel = param.ClassSelector(class_=Settings, constant=True, doc="The kernel between structures of the map.")
    same_descriptor = param.Boolean(default=True, doc="Whether the map is drawn with the descriptor of the fit.")
    model = param.ClassSelector(class_=Settings, constant=True, doc="The chosen model.")
    base = param.ClassSelector(class_=Settings, constant=True, doc="What the chosen model stands on.")
    groups = param.ClassSelector(class_=GroupSettings, constant=True, doc="What the fit takes for groups of the data.")
    simulation = param.Selector(default=DYNAMICS_JOB, objects=list(SIMULATIONS), doc="How atoms are set in motion.")
    dynamics = param.ClassSelector(class_=DynamicsSettings, constant=True, doc="How dynamics is run.")
    monte_carlo = param.ClassSelector(class_=MonteCarloSettings, constant=True, doc="How a walk is made.")
    jobs = param.ClassSelector(class_=Jobs, constant=True, doc="The long work that runs or waits.")

    structure_map = param.ClassSelector(class_=work.StructureMap, doc="Where each structure lies in the map.")
    fit = param.ClassSelector(class_=work.Fit, doc="The fitted model with its predictions and errors.")

    of_atoms = param.ClassSelector(
        class_=Prediction, doc="What the fit predicts, with the uncertainties of atoms; made once they are asked for."
    )

    selected = param.Integer(default=0, bounds=(0, None), doc="The structure that every view shows or marks.")
    selected_atom = param.Integer(default=None, bounds=(0, None), doc="The atom marked in it.")
    colour_by = param.Selector(default=ELEMENT, objects=[ELEMENT], doc="What colours the atoms.")
    map_colour = param.Selector(default=GROUP, objects=[GROUP], doc="What colours the points of the map.")

    trajectory = param.List(default=[], doc="Frames of the simulation so far.")
    trajectory_colour = param.Selector(
        default=ELEMENT, objects=[ELEMENT, FORCE], doc="What colours the atoms of a trajectory."
    )
    frame = param.Integer(default=0, bounds=(0, None), doc="The frame that is shown.")
    showing = param.Selector(default="structure", objects=["structure", "trajectory"], doc="What the 3D view shows.")

    def __init__(
        self, dataset: Dataset, post: Callable[[Callable[[], None]], Any] | None = None, **params: Any
    ) -> None:
        self._fits = 0
        self._incoming: list[Frame] = []
        self.ran: dict[str, Any] = {}
        """The settings of the last simulation."""
        model = Settings(MODELS, "GAP")
        super().__init__(
            dataset=dataset,
            descriptor=Settings(DESCRIPTORS, "SOAP"),
            map_descriptor=Settings(DESCRIPTORS, "SOAP"),
            map_kernel=Settings(KERNELS, "average"),
            model=model,
            base=Settings(BASES),
            groups=GroupSettings(model),
            dynamics=DynamicsSettings(),
            monte_carlo=MonteCarloSettings(),
            jobs=Jobs(post),
            reading=Jobs(post),
            **params,
        )
        self.environment = Environment(self, post)
        self.comparing = Comparing(self)
        self.opening = opened.Opening(self)
        self._offer_colours()

    # -- the dataset ---------------------------------------------------------------------------------------------

    def open(self, dataset: Dataset, files: Sequence[str | Path] = (), sample: str = "", **keys: str) -> None:
        """Look at another dataset: what belonged to the last one goes, and its map is drawn."""
        super().open(dataset, files, sample, **keys)
        self.start_map()

    @param.depends("dataset", watch=True)
    def _forget_what_no_longer_applies(self) -> None:
        self.jobs.cancel()
        self._incoming = []
        with param.parameterized.batch_call_watchers(self):
            self.param.update(
                structure_map=None, fit=None, of_atoms=None, selected=0, selected_atom=None, trajectory=[], frame=0,
                showing="structure", colour_by=ELEMENT, map_colour=GROUP,
            )  # fmt: skip
            self.groups.values = {}
            self._offer_colours()

    # -- the map -------------------------------------------------------------------------------------------------

    @param.depends("dataset", "model.choice", watch=True, on_init=True)
    def _offer_descriptors(self) -> None:
        """Offer the descriptors that know the boundary conditions of the data, for the fit those the model takes."""
        dataset = self.dataset
        kinds = {tuple(atoms.pbc): atoms for atoms in dataset.structures}.values()
        names = [name for name, cls in DESCRIPTORS.items() if all(map(cls.describes, kinds))]
        scope = getattr(self.model.chosen, "descriptor_scope", None)
        suitable = [name for name in names if scope in (None, "none", DESCRIPTORS[name].scope)]
        self.descriptor.offer(suitable, lambda cls: suggested(cls, dataset))
        self.map_descriptor.offer(names, lambda cls: suggested(cls, dataset))

    @param.depends("same_descriptor", watch=True)
    def _start_from_the_descriptor_of_the_fit(self) -> None:
        if not self.same_descriptor:
            self.map_descriptor.take(self.descriptor)

    def build_descriptor(self) -> Any:
        """The descriptor of the fit, for the elements of the dataset."""
        return self.descriptor.build(species=self.dataset.species)

    def n_features(self) -> int:
        """How many features the descriptor of the fit has."""
        return len(self.build_descriptor().names)

    def build_map_descriptor(self) -> Any:
        """The descriptor of the map: that of the fit, unless another was chosen."""
        settings = self.descriptor if self.same_descriptor else self.map_descriptor
        return settings.build(species=self.dataset.species)

    def build_map_kernel(self) -> Any:
        """The kernel between structures of the map; the average where there is one row of features a structure."""
        if self.build_map_descriptor().scope == "structure":
            return KERNELS["average"]()
        return self.map_kernel.build()

    def map_problem(self) -> str:
        """Why the map cannot be drawn with the chosen descriptor; empty if it can."""
        try:
            self.build_map_descriptor()
            self.build_map_kernel()
        except (ValueError, TypeError) as error:
            return str(error)
        return ""

    def start_map(self) -> None:
        """Compute the map as a job; where it is known already, show it."""
        if self.map_problem():
            return
        dataset, descriptor, kernel = self.dataset, self.build_map_descriptor(), self.build_map_kernel()
        self.jobs.cancel(MAP_JOB)
        known = work.known_map(dataset, descriptor, kernel)
        if known is not None:
            self.structure_map = known
            return
        self.jobs.start(
            MAP_JOB,
            lambda progress: work.compute_map(dataset, descriptor, kernel, progress),
            lambda result: self.param.update(structure_map=result),
        )

    def map_is_stale(self) -> bool:
        """Whether the map was made by other means than those chosen now, if one can be made by these."""
        if self.structure_map is None or self.map_problem():
            return False
        now = self.build_map_descriptor(), self.build_map_kernel()
        return (self.structure_map.descriptor, self.structure_map.kernel) != now

    @param.depends("map_colour", "fit", "dataset")
    def map_values(self) -> tuple[Array, str] | None:
        """A number for each structure and its name with unit; None where the groups give the colours."""
        if self.map_colour == ENERGY:
            return self.shown_energies_s, "energy (eV/atom)"
        if self.map_colour == ENERGY_ERROR and self.fit is not None:
            return MEV * np.abs(self.fit.energy_error_s), "energy error (meV/atom)"
        if self.map_colour == FORCE_ERROR and self.fit is not None:
            return self.fit.max_force_error_s, "largest force error (eV/Å)"
        return None

    # -- the fit -------------------------------------------------------------------------------------------------

    @property
    def takes_descriptor(self) -> bool:
        """Whether the chosen model stands on a descriptor."""
        return getattr(self.model.chosen, "descriptor_scope", None) != "none"

    def build_model(self) -> Any:
        """The chosen model, on the chosen descriptor where it takes one, and on its base, not fitted."""
        model = self.model.build(self.build_descriptor()) if self.takes_descriptor else self.model.build()
        return composed(self.base.build(), model)

    @param.depends(
        "dataset",
        "model.choice",
        "model.values",
        "base.choice",
        "base.values",
        "descriptor.choice",
        "descriptor.values",
    )
    def fit_problem(self) -> str:
        """Why the chosen model cannot be fitted to these data; empty if it can."""
        if not self.dataset.n_energies:
            return "no reference energies in these data"
        try:
            self.build_model()
        except (ValueError, TypeError) as error:
            return str(error)
        return ""

    def start_fit(self) -> None:
        """Fit the chosen model to the training structures as a job."""
        dataset, model = self.dataset, self.build_model()
        train, test = self.split()
        split, number = self.split_arguments(), self._fits + 1
        groups = self.groups.of(dataset.groups[index] for index in train)
        self.jobs.start(
            FIT_JOB,
            lambda progress: work.compute_fit(number, model, dataset, train, test, split, progress, groups),
            self.install,
        )

    def install(self, fit: work.Fit) -> None:
        """Make a fit, or what was read from a file, the one that everything on the page is about."""
        self._fits = max(self._fits, fit.number)
        self.jobs.cancel(UNCERTAINTY_JOB)
        self.param.update(fit=fit, of_atoms=None, trajectory=[], frame=0, showing="structure")
        self._ask_for_uncertainties()

    @param.depends("fit", watch=True)
    def _offer_colours(self) -> None:
        """Offer the colours there are numbers for; keep the present choice where it is still among them."""
        known_forces = any(forces is not None for forces in self.dataset.forces)
        atoms, points = [ELEMENT], [GROUP]
        if self.fit is not None:
            atoms += [FORCE_ERROR] * known_forces
            atoms += [LOCAL_ENERGY] * (self.fit.prediction.local_energies is not None)
            atoms += [FORCE_STD, LOCAL_STD] * self.fit.model.has_atom_std
            atoms += [EXTRAPOLATION] * self.fit.model.has_extrapolation
            points += [ENERGY_ERROR] + [FORCE_ERROR] * known_forces
        atoms += [FORCE] * known_forces
        points.insert(1, ENERGY)
        with param.parameterized.batch_call_watchers(self):
            for name, objects in (("colour_by", atoms), ("map_colour", points)):
                self.param[name].objects = objects
                if getattr(self, name) not in objects:
                    setattr(self, name, objects[0])

    @param.depends("colour_by", watch=True)
    def _ask_for_uncertainties(self) -> None:
        """Predict with the uncertainties of atoms, which may take long, once they are to be seen."""
        fit, jobs = self.fit, self.jobs
        wanted = self.colour_by in (FORCE_STD, LOCAL_STD, EXTRAPOLATION) and self.of_atoms is None
        if fit is None or not wanted or UNCERTAINTY_JOB in (jobs.title, *jobs.waiting):
            return
        jobs.start(
            UNCERTAINTY_JOB,
            lambda progress: fit.model.predict(fit.dataset, progress, atom_std=True),
            lambda result: self.param.update(of_atoms=result),
        )

    def saved_model(self) -> io.BytesIO:
        """The file of the fitted model, as `Potential.save` writes it, with what it was trained on."""
        if self.fit is None:
            raise ValueError("`fit`: expected a fitted model to save, got None")
        return opened.saved(self.fit, self.title)

    # -- the selection -------------------------------------------------------------------------------------------

    def select(self, index: int, atom: int | None = None, colour_by: str | None = None) -> None:
        """Show one structure everywhere, perhaps with one of its atoms marked, perhaps coloured in some way."""
        if not 0 <= index < len(self.dataset):
            raise IndexError(f"`index`: expected 0 to {len(self.dataset) - 1}, got {index}")
        values: dict[str, Any] = {"selected": int(index), "selected_atom": atom, "showing": "structure"}
        if colour_by is not None and colour_by in self.param["colour_by"].objects:
            values["colour_by"] = colour_by
        self.param.update(**values)

    def step(self, by: int) -> None:
        """Select the structure so many places on, round the end."""
        self.select((self.selected + by) % len(self.dataset))

    def worst(self) -> int | None:
        """The structure with the largest force error, or the largest energy error where no forces are known."""
        if self.fit is None:
            return None
        errors_s = self.fit.max_force_error_s
        if np.isnan(errors_s).all():
            errors_s = np.abs(self.fit.energy_error_s)
        return None if np.isnan(errors_s).all() else int(np.nanargmax(errors_s))

    def select_worst(self) -> None:
        """Show the structure with the largest error, coloured by it, its worst atom marked."""
        index = self.worst()
        if self.fit is None or index is None:
            return
        errors_n = self.fit.force_error_n[index]
        self.select(index, None if errors_n is None else int(np.argmax(errors_n)), FORCE_ERROR)

    @property
    def atoms(self) -> Atoms:
        """The selected structure."""
        return self.dataset.structures[self.selected]

    @param.depends("selected", "colour_by", "fit", "of_atoms", "dataset", "showing")
    def atom_colours(self) -> AtomColours | None:
        """Numbers that colour the atoms of the selected structure; None for the colours of the elements."""
        if self.colour_by == ELEMENT or self.showing == "trajectory":
            return None
        return colours.of_structure(self.selected, self.colour_by, self.dataset, self.fit, self.of_atoms)

    def trajectory_colours(self, frames: Sequence[Frame]) -> AtomColours | None:
        """Length of the force on each atom in some frames, shape (frames, atoms); None for the elements' colours."""
        if self.trajectory_colour == ELEMENT or not frames:
            return None
        return colours.of_frames(frames, self.trajectory)

    @param.depends("dataset", "fit")
    def table(self) -> pd.DataFrame:
        """One row a structure: what it is, its energy, and its errors once there is a fit."""
        import pandas as pd

        columns: dict[str, Any] = {
            "id": list(self.dataset.ids),
            "group": list(self.dataset.groups),
            "formula": [atoms.get_chemical_formula() for atoms in self.dataset.structures],
            "atoms": self.dataset.n_atoms,
            "energy": self.shown_energies_s,
        }
        if self.fit is not None:
            seen, unseen = self.fit.sets
            columns["set"] = np.where(self.fit.is_test_s, unseen, seen)
            columns["energy_error"] = MEV * self.fit.energy_error_s
            columns["force_error"] = self.fit.max_force_error_s
            if self.fit.prediction.energy_std is not None:
                columns["energy_std"] = MEV * self.fit.prediction.energy_std / self.dataset.n_atoms
        return pd.DataFrame(columns)

    # -- simulations ---------------------------------------------------------------------------------------------

    def start_atoms(self) -> Atoms:
        """The structure that a simulation starts from: the selected one, repeated."""
        settings = self.dynamics if self.simulation == DYNAMICS_JOB else self.monte_carlo
        return work.supercell(self.atoms, settings.repeats)

    def start_simulation(self) -> None:
        """Set atoms in motion by the fitted model as a job; frames arrive in `trajectory` as they come."""
        if self.fit is None:
            raise ValueError("`fit`: expected a fitted model before a simulation, got None")
        atoms, model = self.start_atoms(), self.fit.model
        incoming: list[Frame] = []
        self._incoming = incoming
        if self.simulation == DYNAMICS_JOB:
            frames_of, settings = work.simulate, self.dynamics.arguments()
        else:
            frames_of, settings = work.walk, self.monte_carlo.arguments(atoms)
        self.ran = settings
        self.param.update(trajectory=[], frame=0)

        def run(progress: Any) -> None:
            for frame in frames_of(atoms, model, progress, **settings):
                incoming.append(frame)

        self.jobs.start(self.simulation, run, lambda _: None, on_update=lambda: self._take_frames(incoming))

    def start_dynamics(self) -> None:
        """Run molecular dynamics; see `start_simulation`."""
        self.simulation = DYNAMICS_JOB
        self.start_simulation()

    def start_monte_carlo(self) -> None:
        """Make a Monte Carlo walk; see `start_simulation`."""
        self.simulation = MONTE_CARLO_JOB
        self.start_simulation()

    def _take_frames(self, incoming: list[Frame]) -> None:
        """Show the frames that have come; those of a run that was replaced meanwhile are dropped."""
        if incoming is not self._incoming or len(incoming) == len(self.trajectory):
            return
        first, frames = not self.trajectory, list(incoming)
        showing = "trajectory" if first else self.showing  # who looks at a structure meanwhile is left in peace
        self.param.update(trajectory=frames, showing=showing, frame=len(frames) - 1)

    def close(self) -> None:
        """Stop whatever runs: the page is gone."""
        self.jobs.close()
        self.reading.close()
        self.environment.close()
