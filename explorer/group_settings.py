"""What a fit takes for single groups of the data, such as weights, as a person sets it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import param

from potscope.core.hyperparameters import Hyperparameter
from potscope.explorer.settings import Settings


class GroupSettings(param.Parameterized):
    """Settings of groups for the family that is chosen; whatever is not set is the family's own hyperparameter.

    Parameters
    ----------
    model
        The chosen family and its hyperparameters.
    """

    values = param.Dict(default={}, doc="What a person has set: for each group, numbers by the names of the fields.")
    problem = param.String(default="", doc="Why what was typed last is not allowed.")

    def __init__(self, model: Settings) -> None:
        super().__init__()
        self.model = model
        model.param.watch(lambda *_: self.param.update(values={}, problem=""), "choice")

    @property
    def kind(self) -> type | None:
        """The family's type for the settings of a group; None where it takes none."""
        return getattr(self.model.chosen, "group_settings", None)

    @property
    def word(self) -> str:
        """What one number is called: the last word of the hyperparameters', such as ``weight``."""
        return next((item.name.rsplit("_", 1)[-1] for item in self.fields().values() if item), "")

    def fields(self) -> dict[str, Hyperparameter | None]:
        """What can be set for a group: by name, the hyperparameter that is used where it is not set."""
        if self.kind is None:
            return {}
        items = self.model.declared().values()
        return {
            field.name: next((item for item in items if item.name.split("_")[0] == field.name), None)
            for field in dataclasses.fields(self.kind)
        }

    def defaults(self) -> dict[str, float]:
        """The family's own values, by the names of the fields."""
        return {name: self.model.value(item.name) if item else 0.0 for name, item in self.fields().items()}

    def set(self, group: str, field: str, text: str) -> None:
        """Set one number of a group as it was typed; nothing, or the family's own, forgets it.

        What is not allowed changes nothing, and `problem` says why.
        """
        mine = dict(self.values.get(group, {}))
        mine.pop(field, None)
        if text.strip():
            try:
                mine[field] = float(text)
                self._build(mine)
            except ValueError as error:
                self.problem = f"{group}, {field}: {error}"
                self.param.trigger("values")  # what is shown goes back to what is set
                return
        others = {name: numbers for name, numbers in self.values.items() if name != group}
        self.param.update(values={**others, group: mine} if mine else others, problem="")

    def of(self, groups: Iterable[str]) -> dict[str, Any]:
        """The argument `groups` of ``Potential.fit`` for data of these groups: those for which something is set."""
        there = set(groups)
        return {group: self._build(numbers) for group, numbers in self.values.items() if group in there}

    def _build(self, numbers: dict[str, float]) -> Any:
        if self.kind is None:
            raise ValueError(f"a {self.model.choice} takes no settings of groups")
        return self.kind(**{**self.defaults(), **numbers})
