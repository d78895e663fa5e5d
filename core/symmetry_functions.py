"""One atom-centred symmetry function."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ase.data import atomic_numbers, chemical_symbols

ANGULAR = (4, 5)
TABLE = "9 numbers: atom, kind (1 to 5), two neighbours, η (at least 0), Rs, ζ (at least 1), λ (from -1 to 1), cutoff"


@dataclass(frozen=True)
class SymmetryFunction:
    r"""One of Behler's symmetry functions of an atom i.

    .. math::
        G^1 &= \sum_j f_c(r_{ij}), \qquad G^2 = \sum_j e^{-\eta (r_{ij} - R_s)^2} f_c(r_{ij}), \qquad
        G^3 = \sum_j \cos(\kappa r_{ij})\, f_c(r_{ij}) \\
        G^4 &= 2^{1-\zeta} \sum_{j<k} (1 + \lambda \cos\theta_{jik})^\zeta\,
            e^{-\eta [(r_{ij}-R_s)^2 + (r_{ik}-R_s)^2 + (r_{jk}-R_s)^2]} f_c(r_{ij}) f_c(r_{ik}) f_c(r_{jk}) \\
        G^5 &= 2^{1-\zeta} \sum_{j<k} (1 + \lambda \cos\theta_{jik})^\zeta\,
            e^{-\eta [(r_{ij}-R_s)^2 + (r_{ik}-R_s)^2]} f_c(r_{ij}) f_c(r_{ik})

    Every pair of neighbours counts once, as in n2p2, RuNNer and DScribe. The sums run over neighbours of the elements
    of `neighbours`; where there are none, over all, each term multiplied by the atomic numbers :math:`Z_j` or
    :math:`Z_j Z_k`.

    Attributes
    ----------
    kind
        1 to 5.
    neighbours
        One element (1 to 3) or two (4 and 5), the lower atomic number last; or none.
    centre
        Element of the atom; empty for any.
    eta
        :math:`\eta`, 1/Å²; for `kind` 3 it is :math:`\kappa`, 1/Å.
    shift, zeta, lambda_, cutoff
        :math:`R_s` (Å), ζ, λ, :math:`r_c` (Å).
    """

    kind: int
    neighbours: tuple[str, ...]
    cutoff: float
    eta: float = 0.0
    shift: float = 0.0
    zeta: float = 1.0
    lambda_: float = 0.0
    centre: str = ""

    @property
    def angular(self) -> bool:
        """Whether it is a sum over pairs of neighbours."""
        return self.kind in ANGULAR

    @property
    def envelope(self) -> tuple[float, float, float, float]:
        """η, the shift, κ and the cutoff of the function of one distance in it."""
        eta, kappa = (0.0, self.eta) if self.kind == 3 else (self.eta, 0.0)
        return eta, self.shift, kappa, self.cutoff

    def name(self, with_cutoff: bool = False) -> str:
        """``Si G2 eta=0.05 Rs=0``; the neighbours, or ``Z`` where they are weighted by their atomic numbers."""
        who = " ".join(self.neighbours) or "Z" * (2 if self.angular else 1)
        parameters = {
            1: "",
            2: f" eta={self.eta:.10g} Rs={self.shift:.10g}",
            3: f" kappa={self.eta:.10g}",
            4: f" eta={self.eta:.10g} zeta={self.zeta:.10g} lambda={self.lambda_:.10g}",
            5: f" eta={self.eta:.10g} zeta={self.zeta:.10g} lambda={self.lambda_:.10g}",
        }[self.kind]
        shifted = f" Rs={self.shift:.10g}" if self.angular and self.shift else ""
        centred = f"{self.centre}: " if self.centre else ""
        return f"{centred}{who} G{self.kind}{parameters}{shifted}" + (f" rc={self.cutoff:.10g}" if with_cutoff else "")

    def about(self, symbol: str) -> SymmetryFunction:
        """The same function of atoms of one element."""
        return replace(self, centre=symbol)

    def row(self) -> tuple[float, ...]:
        """As a row of the table of `ElementACSF`."""
        numbers = [atomic_numbers[symbol] for symbol in (self.centre, *self.neighbours)]
        first, second = [*numbers[1:], 0, 0][:2]
        values = (numbers[0], self.kind, first, second, self.eta, self.shift, self.zeta, self.lambda_, self.cutoff)
        return tuple(float(value) for value in values)

    @classmethod
    def from_row(cls, row: tuple[float, ...], name: str) -> SymmetryFunction:
        """From a row of the table of `ElementACSF`; `name` is what an error calls it."""
        whole = all(value == int(value) and 0 <= value < len(chemical_symbols) for value in row[:4])
        if len(row) != 9 or not whole or row[0] == 0 or row[1] not in (1, 2, 3, 4, 5):
            raise ValueError(f"{name}: expected {TABLE}, got {row}")
        centre, kind, *numbers = (int(value) for value in row[:4])
        neighbours = tuple(chemical_symbols[z] for z in sorted(numbers, reverse=True) if z)
        eta, shift, zeta, lambda_, cutoff = row[4:]
        if len(neighbours) not in (0, 2 if kind in ANGULAR else 1):
            raise ValueError(f"{name}: expected {'two neighbours' if kind in ANGULAR else 'one neighbour'}, got {row}")
        if eta < 0 or zeta < 1 or abs(lambda_) > 1 or cutoff <= 0:
            raise ValueError(f"{name}: expected {TABLE}, got {row}")
        return cls(kind, neighbours, cutoff, eta, shift, zeta, lambda_, chemical_symbols[centre])
