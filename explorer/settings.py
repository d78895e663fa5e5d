"""The chosen class of a registry and its hyperparameters, as the controls show them and the fit uses them.

Nothing here knows any descriptor or model: what there is to choose comes from the registry, what can be set from
`potscope.core.hyperparameters.declared`. A new class, once registered, appears with its controls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import param

from potscope.core.hyperparameters import Hyperparameter, Species, declared


class Settings(param.Parameterized):
    """One class out of a registry, and the values of its hyperparameters.

    Parameters
    ----------
    registry
        Classes by name; the first is chosen unless `choice` says otherwise.
    """

    choice = param.Selector(doc="Name of the chosen class.")
    values = param.Dict(default={}, doc="Hyperparameters that differ from their defaults, by name.")

    def __init__(self, registry: Mapping[str, type], choice: str | None = None, **params: Any) -> None:
        self.registry = dict(registry)
        super().__init__(**params)
        self.param["choice"].objects = list(self.registry)
        self.choice = next(iter(self.registry)) if choice is None else choice

    def offer(self, names: Sequence[str]) -> None:
        """Restrict the choice to some of the classes; the first of them is taken where the chosen one is not."""
        if self.choice not in names:
            self.choice = names[0]
        self.param["choice"].objects = list(names)

    @property
    def chosen(self) -> type:
        """The chosen class."""
        return self.registry[self.choice]

    @property
    def title(self) -> str:
        """The name of the chosen class in the field."""
        return str(getattr(self.chosen, "title", self.choice))

    def declared(self) -> dict[str, Hyperparameter]:
        """The hyperparameters a person may set, by name; the elements follow from the data and are left out."""
        return {name: item for name, item in declared(self.chosen).items() if item.type is not Species}

    def value(self, name: str) -> Any:
        """The present value of one hyperparameter."""
        return self.values.get(name, self.declared()[name].default)

    def set(self, **values: Any) -> None:
        """Change some hyperparameters; those set back to their default are forgotten."""
        items = self.declared()
        unknown = sorted(set(values) - set(items))
        if unknown:
            raise ValueError(f"`{unknown[0]}` is no hyperparameter of {self.choice}; expected one of {sorted(items)}")
        merged = {**self.values, **values}
        self.values = {name: value for name, value in merged.items() if value != items[name].default}

    def build(self, *args: Any, species: tuple[str, ...] = ()) -> Any:
        """An object of the chosen class, which checks its hyperparameters itself."""
        from_data = {name: species for name, item in declared(self.chosen).items() if item.type is Species}
        return self.chosen(*args, **from_data, **self.values)

    @param.depends("choice", watch=True)
    def _forget_values(self) -> None:
        self.values = {}
