"""The chosen class of a registry and its hyperparameters, as the controls show them and the fit uses them.

Nothing here knows any descriptor or model: what there is to choose comes from the registry, what can be set from
`potscope.core.hyperparameters.declared`. A new class, once registered, appears with its controls.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import param
from ase import Atoms, units

from potscope.core.hyperparameters import Hyperparameter, Species, declared

Suggest = Callable[[type], Mapping[str, Any]]


def _no_suggestion(_: type) -> Mapping[str, Any]:
    return {}


class Settings(param.Parameterized):
    """One class out of a registry, and the values of its hyperparameters.

    Parameters
    ----------
    registry
        Classes by name; the first is chosen unless `choice` says otherwise.
    """

    choice = param.Selector(doc="Name of the chosen class.")
    values = param.Dict(default={}, doc="Hyperparameters that a person has set, by name.")
    suggested = param.Dict(default={}, doc="Hyperparameters that suit the data where the defaults don't, by name.")
    problems = param.Dict(default={}, doc="What was typed and is not allowed: why, by hyperparameter.")

    def __init__(self, registry: Mapping[str, type], choice: str | None = None, **params: Any) -> None:
        self.registry = dict(registry)
        self._suggest: Suggest = _no_suggestion
        super().__init__(**params)
        self.param["choice"].objects = list(self.registry)
        self.choice = next(iter(self.registry)) if choice is None else choice

    def offer(self, names: Sequence[str], suggest: Suggest = _no_suggestion) -> None:
        """Restrict the choice to some of the classes; the first of them is taken where the chosen one is not.

        Parameters
        ----------
        names
            What there is to choose from.
        suggest
            Gives, for a class, hyperparameters that suit the data better than its defaults.
        """
        self._suggest = suggest
        with param.parameterized.batch_call_watchers(self):
            self.param["choice"].objects = list(names)
            if self.choice not in names:
                self.choice = names[0]
            self.suggested = dict(suggest(self.chosen))

    def take(self, other: Settings) -> None:
        """Choose what another has chosen, with the same values."""
        if self.choice != other.choice:
            self.choice = other.choice
        self.param.update(suggested=dict(other.suggested), values=dict(other.values), problems={})

    @property
    def chosen(self) -> type:
        """The chosen class."""
        return self.registry[self.choice]

    @property
    def title(self) -> str:
        """The name of the chosen class in the field."""
        return self.title_of(self.choice)

    @property
    def explanation(self) -> str:
        """What the chosen class is, in one line: the first of its docstring."""
        return (inspect.getdoc(self.chosen) or "").partition("\n")[0]

    def titles(self) -> dict[str, str]:
        """The names in the field of all that is offered, by the names of the classes, in their order."""
        return {name: self.title_of(name) for name in self.param["choice"].objects}

    def title_of(self, name: str) -> str:
        """The name in the field of one class."""
        return str(getattr(self.registry[name], "title", name))

    def declared(self) -> dict[str, Hyperparameter]:
        """The hyperparameters a person may set, by name; the elements follow from the data and are left out."""
        return {name: item for name, item in declared(self.chosen).items() if item.type is not Species}

    def default(self, name: str) -> Any:
        """What a hyperparameter is while nobody has set it: what suits the data, or its declared default."""
        return self.suggested.get(name, self.declared()[name].default)

    def value(self, name: str) -> Any:
        """The present value of one hyperparameter."""
        return self.values.get(name, self.default(name))

    def set(self, **values: Any) -> None:
        """Change some hyperparameters; those set back to their default are forgotten."""
        items = self.declared()
        unknown = sorted(set(values) - set(items))
        if unknown:
            raise ValueError(f"`{unknown[0]}` is no hyperparameter of {self.choice}; expected one of {sorted(items)}")
        merged = {**self.values, **values}
        self.param.update(
            values={name: value for name, value in merged.items() if value != self.default(name)},
            problems={name: words for name, words in self.problems.items() if name not in values},
        )

    def refuse(self, name: str, words: str) -> None:
        """Remember why what was typed for a hyperparameter is not allowed; its value stays as it was."""
        self.problems = {**self.problems, name: words}

    def build(self, *args: Any, species: tuple[str, ...] = ()) -> Any:
        """An object of the chosen class, which checks its hyperparameters itself.

        Raises
        ------
        ValueError
            If it does not allow them, or if something was typed that is not allowed.
        """
        if self.problems:
            raise ValueError(next(iter(self.problems.values())))
        from_data = {name: species for name, item in declared(self.chosen).items() if item.type is Species}
        return self.chosen(*args, **from_data, **{**self.suggested, **self.values})

    @param.depends("choice", watch=True)
    def _forget_values(self) -> None:
        self.param.update(values={}, problems={}, suggested=dict(self._suggest(self.chosen)))


class MonteCarloSettings(param.Parameterized):
    """How a Monte Carlo walk is made."""

    temperature = param.Number(default=300.0, bounds=(1, 5000), doc="Temperature, K.")
    sweeps = param.Integer(
        default=100, bounds=(1, 100_000), doc="Number of sweeps, each of as many trials as there are atoms."
    )
    equilibration = param.Integer(
        default=20,
        bounds=(0, 100_000),
        doc="Sweeps before those, in which the lengths of steps go where two trials in five are accepted.",
    )
    every = param.Integer(default=1, bounds=(1, 1000), doc="Sweeps between two frames that are kept.")
    displacement = param.Number(
        default=0.1, bounds=(1e-4, 5.0), doc="Largest displacement of an atom along an axis, to begin with, Å."
    )
    swaps = param.Number(
        default=0.0, bounds=(0, 1), doc="Share of the trials that exchange two atoms of different elements."
    )
    volume = param.Boolean(default=False, doc="Whether the volume changes, at a pressure.")
    pressure = param.Number(default=0.0, bounds=(-100, 1000), doc="Pressure, GPa.")
    volume_step = param.Number(
        default=0.02, bounds=(1e-5, 0.5), doc="Largest change of the logarithm of the volume, to begin with."
    )
    repeats = param.Integer(default=1, bounds=(1, 5), doc="Repeats of the cell along each periodic direction.")
    seed = param.Integer(default=0, bounds=(0, None), doc="Seed of the walk.")

    def moves(self, atoms: Atoms) -> dict[str, bool]:
        """Which kinds of trials the structure allows, besides displacements."""
        return {"swaps": len(set(atoms.numbers.tolist())) > 1, "volume": bool(atoms.pbc.all())}

    def arguments(self, atoms: Atoms) -> dict[str, Any]:
        """The keyword arguments of `potscope.core.monte_carlo.run` for a structure, without what it does not allow."""
        names = ("temperature", "sweeps", "every", "equilibration", "displacement", "seed")
        allowed, found = self.moves(atoms), {name: getattr(self, name) for name in names}
        if allowed["swaps"] and self.swaps:
            found["swaps"] = self.swaps
        if allowed["volume"] and self.volume:
            found |= {"pressure": self.pressure * units.GPa, "volume_step": self.volume_step}
        return found


class DynamicsSettings(param.Parameterized):
    """How the molecular dynamics is run."""

    ensemble = param.Selector(
        default="langevin",
        objects={"Langevin (NVT)": "langevin", "Constant energy (NVE)": "nve"},
        doc="Langevin keeps the temperature; at constant energy the drift of the total energy shows how smooth the "
        "potential is.",
    )
    temperature = param.Number(default=300.0, bounds=(1, 5000), doc="Temperature, K.")
    timestep = param.Number(default=1.0, bounds=(0.1, 10), doc="Time step, fs.")
    steps = param.Integer(default=500, bounds=(1, 100_000), doc="Number of steps.")
    every = param.Integer(default=5, bounds=(1, 1000), doc="Steps between two frames that are kept.")
    friction = param.Number(default=0.01, bounds=(1e-4, 1), doc="Friction of the Langevin thermostat, 1/fs.")
    repeats = param.Integer(default=2, bounds=(1, 5), doc="Repeats of the cell along each periodic direction.")
    seed = param.Integer(default=0, bounds=(0, None), doc="Seed of the velocities and of the thermostat.")

    def arguments(self) -> dict[str, Any]:
        """The keyword arguments of `potscope.core.dynamics.run`."""
        names = ("ensemble", "temperature", "timestep", "steps", "every", "friction", "seed")
        return {name: getattr(self, name) for name in names}
