"""Symmetry functions: against DScribe's, against the definitions, and through the files of n2p2 and RuNNer."""

from __future__ import annotations

import numpy as np
import pytest
from ase import units
from ase.data import atomic_numbers

from potscope.core import symmetry_function_files as files
from potscope.core.cutoffs import CUTOFF_FUNCTIONS, cutoff_function
from potscope.core.descriptors import ACSF, ElementACSF, WeightedACSF
from potscope.core.elementary import cosine_cutoffs, exponential
from potscope.core.pairs import Pairs
from potscope.core.symmetry_function_sets import SCHEMES, angular_set, radial_set
from potscope.core.symmetry_functions import SymmetryFunction

from systems import SYSTEMS, species_of

G2 = [(0.05, 0.0), (1.0, 0.0), (4.0, 2.5), (16.0, 3.0)]
G3 = [1.0, 2.5]
G4 = [(0.01, 1, 1), (0.01, 1, -1), (0.005, 4, 1), (0.1, 64, -1), (0.3, 65, 1), (0.0, 16, 0.5)]
G5 = [(0.02, 1, 1), (0.02, 3, -1), (0.1, 8, 1), (0.1, 7.25, -0.9)]


# DScribe refuses cells without a volume, so the wire is not for it
@pytest.mark.parametrize(
    "name", [name for name, atoms in SYSTEMS.items() if not atoms.pbc.any() or atoms.cell.rank == 3]
)
@pytest.mark.parametrize("cutoff", [3.5, 6.0])
def test_values_are_those_of_dscribe(name, cutoff) -> None:
    dscribe = pytest.importorskip("dscribe.descriptors", reason="DScribe is not installed (it comes with `dev`)")
    atoms = SYSTEMS[name]
    species = species_of(atoms)
    ours = ACSF(species, cutoff, g2=G2, g3=G3, g4=G4, g5=G5).compute(atoms).values
    peer = dscribe.ACSF(
        r_cut=cutoff,
        g2_params=G2,
        g3_params=G3,
        g4_params=G4,
        g5_params=G5,
        species=species,
        periodic=bool(atoms.pbc.any()),
    )
    theirs = peer.create(atoms).reshape(len(atoms), -1)
    assert np.abs(ours - theirs).max() < 1e-12 * max(1.0, np.abs(theirs).max())


def by_definition(function: SymmetryFunction, atoms, kind: str, inner: float = 0.0) -> np.ndarray:
    """One function of every atom, term by term."""

    def weight(r: float) -> float:
        return cutoff_function(CUTOFF_FUNCTIONS.index(kind), r, inner * function.cutoff, function.cutoff)[0]

    def gauss(r: float) -> float:
        return np.exp(-function.eta * (r - function.shift) ** 2) * weight(r)

    pairs = Pairs.from_structures(atoms, function.cutoff)
    values = np.zeros(len(atoms))
    wanted = sorted(function.neighbours)
    symbols = atoms.symbols[pairs.j_p]
    for i, symbol in enumerate(atoms.get_chemical_symbols()):
        if function.centre not in ("", symbol):
            continue
        own = np.flatnonzero(pairs.i_p == i)
        if not function.angular:
            for p in own:
                if wanted in ([], [symbols[p]]):
                    Z = 1 if wanted else atomic_numbers[symbols[p]]
                    r = pairs.r_p[p]
                    term = np.cos(function.eta * r) * weight(r) if function.kind == 3 else gauss(r)
                    values[i] += Z * term
            continue
        for number, p in enumerate(own):
            for q in own[:number]:
                if wanted not in ([], sorted([symbols[p], symbols[q]])):
                    continue
                Z = 1 if wanted else atomic_numbers[symbols[p]] * atomic_numbers[symbols[q]]
                cosine = pairs.D_pc[p] @ pairs.D_pc[q] / (pairs.r_p[p] * pairs.r_p[q])
                third = gauss(np.linalg.norm(pairs.D_pc[p] - pairs.D_pc[q])) if function.kind == 4 else 1.0
                angle = 2 ** (1 - function.zeta) * max(1 + function.lambda_ * cosine, 0.0) ** function.zeta
                values[i] += Z * angle * gauss(pairs.r_p[p]) * gauss(pairs.r_p[q]) * third
    return values


@pytest.mark.parametrize("kind", CUTOFF_FUNCTIONS)
@pytest.mark.parametrize("name", ["zincblende", "wire", "ethanol"])
def test_values_are_the_definitions(name, kind) -> None:
    atoms = SYSTEMS[name]
    first, *_, last = species = species_of(atoms)
    inner = 0.0 if kind.startswith("tanh3") else 0.4
    functions = [
        SymmetryFunction(1, (last,), 3.0, centre=first),
        SymmetryFunction(2, (first,), 3.2, 0.5, 1.0, centre=last),
        SymmetryFunction(2, (), 3.2, 0.5, 1.0, centre=last),
        SymmetryFunction(3, (first,), 3.0, 2.0, centre=first),
        SymmetryFunction(4, (last, first), 3.0, 0.3, 0.7, 3.0, -1.0, first),
        SymmetryFunction(4, (first, first), 2.6, 0.3, 0.0, 2.5, 1.0, last),
        SymmetryFunction(4, (), 3.0, 0.1, 0.0, 1.0, 1.0, first),
        SymmetryFunction(5, (last, last), 2.8, 0.2, 0.4, 5.0, 0.5, first),
        SymmetryFunction(5, (), 2.8, 0.2, 0.4, 5.0, 0.5, last),
    ]
    values = ElementACSF.of(functions, species, kind, inner).compute(atoms).values
    for column, function in enumerate(functions):
        expected = by_definition(SymmetryFunction.from_row(function.row(), ""), atoms, kind, inner)
        np.testing.assert_allclose(values[:, column], expected, rtol=1e-11, atol=1e-12, err_msg=function.name())


def test_weighted_values_are_the_definitions() -> None:
    atoms = SYSTEMS["zincblende"]
    weighted = WeightedACSF(["Si", "C"], 3.5, g2=G2[:2], g4=[(0.1, 2, 1), (0.1, 2, 1, 1.5)], g5=[(0.1, 1, -1)])
    values = weighted.compute(atoms).values
    for column, function in enumerate(weighted.symmetry_functions):
        np.testing.assert_allclose(values[:, column], by_definition(function, atoms, "cosine"), rtol=1e-11)
    assert weighted.names[:2] == ("Z G2 eta=0.05 Rs=0", "Z G2 eta=1 Rs=0")
    assert weighted.names[3] == "ZZ G4 eta=0.1 zeta=2 lambda=1 Rs=1.5"


def test_derivatives_of_all_kinds_together() -> None:
    atoms = SYSTEMS["skewed cell"]
    functions = [
        SymmetryFunction(3, ("C",), 4.0, 2.0),
        SymmetryFunction(4, ("Si", "C"), 4.0, 0.1, 1.0, 2.5, -1.0),
        SymmetryFunction(5, (), 3.5, 0.1, 1.0, 65.0, 1.0),
        SymmetryFunction(4, (), 4.5, 0.1, 0.0, 1.0, 1.0),
    ]
    features = ElementACSF.of(functions, ["C", "Si"], "poly2", 0.3).compute(atoms)
    weight = np.random.default_rng(0).normal(size=features.values.shape)
    by_jacobian = np.einsum("pcf,pf->pc", features.jacobian(), weight[features.row_p])
    np.testing.assert_allclose(by_jacobian, features.pair_gradient(weight), atol=1e-9)
    step, n, c = 1e-5, 1, 2
    energies = []
    for sign in (1, -1):
        moved = atoms.copy()
        moved.positions[n, c] += sign * step
        values = ElementACSF.of(functions, ["C", "Si"], "poly2", 0.3).compute(moved).values
        energies.append(float((values * weight).sum()))
    forces = features.pull_back(weight).forces
    assert forces[n, c] == pytest.approx(-(energies[0] - energies[1]) / (2 * step), rel=1e-6)


def test_exponentials_and_cutoffs_are_exact() -> None:
    x = np.concatenate([-np.logspace(-12, 2.84, 2001), [0.0, 1.0, 100.0]])
    found = np.array([exponential(value) for value in x])
    assert np.abs(found / np.exp(x) - 1).max() < 2e-13  # the argument itself is only known to 1e-16
    assert np.abs(found / np.exp(x) - 1)[x > -30].max() < 5e-15
    r = np.linspace(0.1, 6.5, 1001)
    f, df = np.empty_like(r), np.empty_like(r)
    cosine_cutoffs(len(r), r, 2.0, 6.0, f, df)
    expected = np.array([cutoff_function(1, value, 2.0, 6.0) for value in r])
    np.testing.assert_allclose(np.stack([f, df], axis=1), expected, atol=5e-16)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_sets_cover_the_sphere(scheme) -> None:
    rows = np.array(radial_set(6.0, 7, scheme))
    assert rows.shape == (7, 2)
    assert (rows[:, 0] > 0).all()
    if scheme.endswith("centred"):
        assert (rows[:, 1] == 0).all()
        assert len(set(rows[:, 0])) == 7
    else:
        assert (np.diff(rows[:, 1]) > 0).all()
        assert rows[-1, 1] < 6.0
    acsf = ACSF.generated(["Si"], 5.0, 7, 3, scheme)
    assert len(acsf.g2) == 7
    assert len(acsf.g4) == 24


def test_sets_of_the_papers() -> None:
    np.testing.assert_allclose(radial_set(5.0, 3, "gastegger centred", 1.0, 5.0), [(0.5, 0), (1 / 18, 0), (0.02, 0)])
    np.testing.assert_allclose(radial_set(5.0, 3, first=1.0, last=5.0), [(0.125, 1), (0.125, 3), (0.125, 5)])
    np.testing.assert_allclose(
        radial_set(6.0, 5, "imbalzano centred"), [(4 ** (m / 2) / 36, 0) for m in range(5)], rtol=1e-9
    )
    grid = [6 / 4 ** (m / 4) for m in range(5)]
    shifted = [(1 / (grid[m - 1] - grid[m]) ** 2, grid[m]) for m in (4, 3, 2, 1)]
    np.testing.assert_allclose(radial_set(6.0, 4, "imbalzano shifted"), shifted, rtol=1e-9)
    assert angular_set(5.0, 1, zetas=(1.0,)) == ((0.02, 1.0, -1.0), (0.02, 1.0, 1.0))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 1}, "`n`"),
        ({"scheme": "other"}, "`scheme`"),
        ({"first": 4.0, "last": 3.0}, "`first`"),
        ({"last": 7.0}, "`last`"),
        ({"cutoff": -1.0}, "`cutoff`"),
    ],
)
def test_sets_that_cannot_be_are_refused(arguments, message) -> None:
    with pytest.raises(ValueError, match=message):
        radial_set(**{"cutoff": 6.0, "n": 4, **arguments})


@pytest.mark.parametrize(
    "arguments",
    [
        {"g2": [(1.0,)]},
        {"g2": [(-1.0, 0.0)]},
        {"g2": [(1.0, 0.0), (1.0, 0.0)]},
        {"g3": [1.0, 1.0]},
        {"g4": [(0.1, 0.5, 1.0)]},
        {"g4": [(0.1, 1.0, 1.5)]},
        {"g5": [(0.1, 1.0)]},
        {"g5": [(0.1, 1.0, 1.0), (0.1, 1.0, 1.0, 0.0)]},
    ],
)
def test_parameters_that_make_no_function_are_refused(arguments) -> None:
    with pytest.raises(ValueError, match=f"`{next(iter(arguments))}`: expected"):
        ACSF(["Si"], **arguments)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ((14, 2, 14, 0, 1.0, 0.0, 1.0, 0.0), "expected 9 numbers"),
        ((14, 6, 14, 0, 1.0, 0.0, 1.0, 0.0, 5.0), "expected 9 numbers"),
        ((14.5, 2, 14, 0, 1.0, 0.0, 1.0, 0.0, 5.0), "expected 9 numbers"),
        ((14, 2, 14, 0, 1.0, 0.0, 1.0, 0.0, -5.0), "expected 9 numbers"),
        ((14, 4, 14, 0, 1.0, 0.0, 1.0, 0.0, 5.0), "expected two neighbours"),
        ((14, 2, 14, 14, 1.0, 0.0, 1.0, 0.0, 5.0), "expected one neighbour"),
        ((14, 2, 8, 0, 1.0, 0.0, 1.0, 0.0, 5.0), "has O; `species` is Si"),
    ],
)
def test_rows_that_make_no_function_are_refused(row, message) -> None:
    with pytest.raises(ValueError, match=f"`functions`, row 0: {message}"):
        ElementACSF(["Si"], [row])


def test_tables_refuse_what_does_not_go_together() -> None:
    row = (14.0, 2.0, 14.0, 0.0, 1.0, 0.0, 1.0, 0.0, 5.0)
    with pytest.raises(ValueError, match="`functions`: expected every function once"):
        ElementACSF(["Si"], [row, row])
    with pytest.raises(ValueError, match="`inner_fraction`"):
        ElementACSF(["Si"], [row], "tanh3", 0.5)
    with pytest.raises(ValueError, match="`g2`"):
        WeightedACSF(["Si"], g2=(), g4=(), g5=())


N2P2 = """
# water, part of it
number_of_elements 2
elements O H
cutoff_type 2 0.5
symfunction_short H 2 O 0.001 0.0 12.0
symfunction_short O 3 H O 0.07 1.0 1.0 12.0   # the order of neighbours does not matter
symfunction_short O 9 H H 0.07 -1.0 4.0 10.0 0.5
symfunction_short H 12 0.01 0.9 12.0
symfunction_short O 13 0.1 0.2 1.0 8.0 12.0
"""


def test_lines_of_n2p2_are_read_in_its_units() -> None:
    acsf = ElementACSF.from_input_nn(N2P2)
    assert acsf.species == ("H", "O")
    assert acsf.cutoff_function == "tanh3 unnormalised"
    assert acsf.inner_fraction == 0.0
    bohr = units.Bohr
    expected = [
        (1, 2, 8, 0, 0.001 / bohr**2, 0.0, 1.0, 0.0, 12 * bohr),
        (8, 4, 8, 1, 0.07 / bohr**2, 0.0, 1.0, 1.0, 12 * bohr),
        (8, 5, 1, 1, 0.07 / bohr**2, 0.5 * bohr, 4.0, -1.0, 10 * bohr),
        (1, 2, 0, 0, 0.01 / bohr**2, 0.9 * bohr, 1.0, 0.0, 12 * bohr),
        (8, 4, 0, 0, 0.1 / bohr**2, 0.2 * bohr, 8.0, 1.0, 12 * bohr),
    ]
    np.testing.assert_allclose(acsf.functions, expected, rtol=1e-15)
    assert ElementACSF.from_input_nn(N2P2, unit="Å").functions[0] == (1, 2, 8, 0, 0.001, 0, 1, 0, 12)


@pytest.mark.parametrize("unit", ["Bohr", "Å"])
def test_what_is_written_is_read_again(unit, tmp_path) -> None:
    given = [
        ElementACSF.from_input_nn(N2P2),
        ElementACSF.of(
            [SymmetryFunction(3, ("H",), 4.0, 1.5), SymmetryFunction(2, ("O",), 4.0, 1.5)], ["H", "O"], "poly2", 0.3
        ),
        ElementACSF(["H", "O"]),
    ]
    for number, acsf in enumerate(given):
        path = tmp_path / f"{number}.nn"
        path.write_text(acsf.to_input_nn(unit), encoding="utf-8")
        again = ElementACSF.from_input_nn(path, unit)
        np.testing.assert_allclose(again.functions, acsf.functions, rtol=4e-16)
        assert (again.species, again.cutoff_function) == (acsf.species, acsf.cutoff_function)
        assert again.inner_fraction == acsf.inner_fraction


def test_one_set_for_all_elements_becomes_lines_for_each() -> None:
    water = SYSTEMS["water"]
    acsf = ACSF(["H", "O"], 4.0, g3=(1.0,), g5=[(0.1, 2, 1)])
    table = ElementACSF.from_input_nn(acsf.to_input_nn())
    n = len(acsf.names)
    assert len(table.names) == 2 * n
    values, found = acsf.compute(water).values, table.compute(water).values
    for row, number in enumerate(water.numbers):
        own = slice(0, None, 2) if number == 1 else slice(1, None, 2)
        np.testing.assert_allclose(found[row, own], values[row], rtol=1e-12, atol=1e-14)
    assert WeightedACSF(["H", "O"]).to_input_nn().count("\nsymfunction_short H 13 ") == 16


def test_lines_of_runner_for_all_elements() -> None:
    text = "elements O H\nglobal_symfunction_short 3 0.1 1.0 2.0 8.0\nelement_symfunction_short H 1 8.0\n"
    found = files.read(text + "cutoff_alpha 0.2\ncutoff_type 1\nsymfunction_short O 4 H 0.7 8.0\n", unit="Å")
    assert [(f.centre, f.kind, f.neighbours) for f in found.functions] == [
        *[("H", 4, pair) for pair in (("H", "H"), ("O", "O"), ("O", "H"))],
        *[("O", 4, pair) for pair in (("H", "H"), ("O", "O"), ("O", "H"))],
        ("H", 1, ("H",)),
        ("H", 1, ("O",)),
        ("O", 3, ("H",)),
    ]
    assert found.inner_fraction == 0.2
    assert found.functions[-1].eta == 0.7


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("elements H\n", "expected lines that begin with"),
        ("elements H Xy\nsymfunction_short H 2 H 1 0 6\n", "line 1: expected chemical symbols"),
        ("elements H\nelements O\n", "line 2: expected one line"),
        ("elements H\nsymfunction_short O 2 H 1 0 6\n", "line 2: expected an element of H, got 'O'"),
        ("elements H\nsymfunction_short H 20 H 1 0 6\n", "line 2: expected a type of .*got '20'"),
        ("elements H\nsymfunction_short H 2 H 1 0\n", "line 2: expected 3 numbers for type 2, got 2"),
        ("elements H\nsymfunction_short H 3 H H 1 x 1 6\n", "line 2: expected numbers, got '1 x 1 6'"),
        ("elements H\nsymfunction_short H 2\n", "line 2: expected 1 neighbours, got 0"),
        ("elements H\ncutoff_type 9\nsymfunction_short H 2 H 1 0 6\n", "line 2: expected a cutoff type"),
        ("elements H\ncutoff_type\nsymfunction_short H 2 H 1 0 6\n", "line 2: expected a number"),
    ],
)
def test_lines_that_say_nothing_are_named(text, message) -> None:
    with pytest.raises(ValueError, match=message):
        files.read(text)


def test_functions_that_the_files_do_not_know_are_refused() -> None:
    with pytest.raises(ValueError, match=r"ZZ G5 .* has no type"):
        WeightedACSF(["Si"], g5=[(0.1, 1, 1)]).to_input_nn()
    with pytest.raises(ValueError, match="`unit`"):
        ACSF(["Si"]).to_input_nn(unit="nm")
    with pytest.raises(ValueError, match="`cutoff_function`: expected one of"):
        files.write(ACSF(["Si"]).symmetry_functions, ["Si"], "step")
