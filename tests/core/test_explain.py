"""Shares of neighbours in features and kernels, for every registered local descriptor that can be shared out."""

from __future__ import annotations

import itertools
import re
from math import factorial

import numpy as np
import pytest
from ase import Atoms

from potscope.core import explain as module
from potscope.core.descriptors import REGISTRY, SOAP, CoulombMatrix, LocalDescriptor
from potscope.core.explain import HIGHEST_ORDER, explain
from potscope.core.hyperparameters import declared
from potscope.core.kernels import polynomial_kernel

from systems import SYSTEMS, random_rotation, rotated, species_of

TOLERANCE = 1e-10

CLUSTER = Atoms(
    "SiCSi2C",
    [[0.0, 0.0, 0.0], [1.9, 0.1, 0.2], [-0.3, 2.2, 0.4], [0.2, -0.8, -2.1], [-1.6, -1.1, 0.9]],
)
"""An atom with four neighbours, few enough for the definition itself to be computed."""


def variants(cls: type[LocalDescriptor]) -> list[dict[str, object]]:
    """The defaults, each other choice of each hyperparameter that is one, and each flag the other way."""
    found: list[dict[str, object]] = [{}]
    for name, hyper in declared(cls).items():
        found += [{name: choice} for choice in hyper.choices or () if choice != hyper.default]
        found += [{name: not hyper.default}] * (hyper.type is bool)
    return found


LOCAL = [cls for cls in REGISTRY.values() if issubclass(cls, LocalDescriptor)]
every_variant = pytest.mark.parametrize(
    ("cls", "chosen"),
    [
        pytest.param(cls, chosen, id=" ".join([cls.__name__, *(f"{k}={v}" for k, v in chosen.items())]))
        for cls in LOCAL
        for chosen in variants(cls)
    ],
)


def make(cls: type[LocalDescriptor], chosen: dict[str, object], atoms: Atoms) -> LocalDescriptor:
    """The descriptor, of a type that can be shared out; else the test is left."""
    needed = {"species": species_of(atoms)} if "species" in declared(cls) else {}
    descriptor = cls(**{**needed, **chosen})
    order = descriptor.neighbour_order
    if order is None or order > HIGHEST_ORDER:
        with pytest.raises(ValueError, match="at most 3 neighbours at once"):
            explain(descriptor, atoms, 0)
        pytest.skip(f"not made of at most {HIGHEST_ORDER} neighbours at once")
    return descriptor


@every_variant
def test_shares_add_up_to_the_features(cls, chosen) -> None:
    for name in ("diamond", "slab", "ethanol", "dimer", "isolated atom"):
        atoms = SYSTEMS[name]
        descriptor = make(cls, chosen, atoms)
        values_nf = descriptor.compute(atoms).values
        explanation = explain(descriptor, atoms, len(atoms) - 1)
        scale = max(1.0, np.abs(values_nf).max())
        np.testing.assert_allclose(explanation.values_f, values_nf[-1], atol=TOLERANCE * scale, rtol=0, err_msg=name)


@every_variant
def test_they_are_the_shapley_values(cls, chosen) -> None:
    """Against the definition: a sum over all 2ⁿ sets of neighbours."""
    descriptor = make(cls, chosen, CLUSTER)
    explanation = explain(descriptor, CLUSTER, 0)
    n = len(explanation.D_jc)
    assert n == 4
    value = {
        subset: descriptor.compute(CLUSTER[[0, *explanation.neighbours_j[list(subset)]]]).values[0]
        for size in range(n + 1)
        for subset in itertools.combinations(range(n), size)
    }
    scale = max(1.0, np.abs(value[tuple(range(n))]).max())
    np.testing.assert_allclose(explanation.baseline_f, value[()], atol=TOLERANCE * scale, rtol=0)
    for j in range(n):
        others = [k for k in range(n) if k != j]
        share_f = np.zeros_like(explanation.baseline_f)
        for size in range(n):
            weight = factorial(size) * factorial(n - size - 1) / factorial(n)
            for subset in itertools.combinations(others, size):
                share_f += weight * (value[tuple(sorted((*subset, j)))] - value[subset])
        np.testing.assert_allclose(explanation.contributions_jf[j], share_f, atol=TOLERANCE * scale, rtol=0)


@every_variant
def test_shares_do_not_change_under_rotation(cls, chosen) -> None:
    atoms = SYSTEMS["zincblende"]
    descriptor = make(cls, chosen, atoms)
    turned = rotated(atoms, random_rotation(np.random.default_rng(4)))
    before, after = explain(descriptor, atoms, 2), explain(descriptor, turned, 2)
    order, other = (np.lexsort((*e.shifts_jc.T, e.neighbours_j)) for e in (before, after))
    assert np.array_equal(before.neighbours_j[order], after.neighbours_j[other])
    scale = max(1.0, np.abs(before.values_f).max())
    np.testing.assert_allclose(before.contributions_jf[order], after.contributions_jf[other], atol=1e-9 * scale, rtol=0)


@every_variant
def test_who_is_too_far_away_has_no_share(cls, chosen) -> None:
    descriptor = make(cls, chosen, CLUSTER)
    with_stranger = CLUSTER + Atoms("C", [[descriptor.reach + 0.1, 0, 0]])
    alone, crowded = explain(descriptor, CLUSTER, 0), explain(descriptor, with_stranger, 0)
    assert 5 not in crowded.neighbours_j
    np.testing.assert_allclose(alone.contributions_jf, crowded.contributions_jf, atol=1e-12)


@every_variant
def test_equal_neighbours_have_equal_shares(cls, chosen) -> None:
    corners = [[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]
    methane = Atoms("CH4", [[0, 0, 0], *(0.63 * np.array(corners))])
    descriptor = make(cls, chosen, methane)
    explanation = explain(descriptor, methane, 0)
    scale = max(1.0, np.abs(explanation.values_f).max())
    for feature in range(len(explanation.names)):
        assert np.ptp(explanation.feature(feature).neighbours_j) < TOLERANCE * scale


@every_variant
@pytest.mark.parametrize("zeta", [1.0, 2.0, 4.0, 2.5])
def test_shares_in_a_kernel_add_up_to_the_kernel(cls, chosen, zeta) -> None:
    atoms = SYSTEMS["ethanol"]
    descriptor = make(cls, chosen, atoms)
    values_nf = descriptor.compute(atoms).values
    expected = polynomial_kernel(values_nf[[1]], values_nf, zeta)[0]
    explanation = explain(descriptor, atoms, 1)
    for n, other_f in enumerate(values_nf):
        assert explanation.kernel(other_f, zeta).total == pytest.approx(expected[n], abs=TOLERANCE)


def soap() -> SOAP:
    return SOAP(species=["Si", "C"], cutoff=4.0, n_max=3, l_max=2)


def test_features_are_found_by_name_and_place() -> None:
    explanation = explain(soap(), CLUSTER, 0)
    name = explanation.names[7]
    assert explanation.feature(name).total == pytest.approx(explanation.values_f[7], abs=1e-12)
    np.testing.assert_array_equal(explanation.feature(name).neighbours_j, explanation.feature(7).neighbours_j)


def test_an_atom_alone_is_its_own_baseline() -> None:
    explanation = explain(soap(), Atoms("Si"), 0)
    assert explanation.contributions_jf.shape == (0, len(soap().names))
    assert explanation.kernel(explanation.values_f).total == pytest.approx(1.0)
    assert explanation.kernel(np.zeros_like(explanation.values_f)).total == 0.0


def test_images_of_one_atom_are_neighbours_of_their_own() -> None:
    atoms = SYSTEMS["one-atom cell"]
    explanation = explain(SOAP(species=["Si"], cutoff=3.0, n_max=3, l_max=2), atoms, 0)
    assert set(explanation.neighbours_j) == {0}
    assert len(np.unique(explanation.shifts_jc, axis=0)) == len(explanation.D_jc) == 6


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((CoulombMatrix(), CLUSTER, 0), TypeError, "`descriptor`: expected a local descriptor"),
        ((soap(), CLUSTER, 5), ValueError, "`atom`: expected a whole number of 4 or less, got 5"),
        ((soap(), CLUSTER, -1), ValueError, "`atom`: expected a whole number of 0 or more, got -1"),
        ((soap(), CLUSTER, 1.0), TypeError, "`atom`: expected a whole number"),
        ((SOAP(species=["C"]), CLUSTER, 0), ValueError, "`structures`[0] has Si"),
    ],
)
def test_what_cannot_be_explained_is_refused(arguments, error, words) -> None:
    with pytest.raises(error, match=re.escape(words)):
        explain(*arguments)


@pytest.mark.parametrize("order", [None, 0, 4, 6])
def test_too_many_at_once_are_refused(order, monkeypatch) -> None:
    monkeypatch.setattr(SOAP, "neighbour_order", property(lambda _: order))
    with pytest.raises(ValueError, match="at most 3 neighbours at once"):
        explain(soap(), CLUSTER, 0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda e: e.feature("Si H l0"), "`feature`: expected one of"),
        (lambda e: e.feature(10_000), "`feature`: expected 0 to"),
        (lambda e: e.kernel(np.zeros(3)), "`others_f`: expected shape"),
        (lambda e: e.kernel(e.values_f, 0.5), "`zeta`: expected at least 1"),
    ],
)
def test_bad_questions_are_refused(call, words) -> None:
    with pytest.raises(ValueError, match=words):
        call(explain(soap(), CLUSTER, 0))


def test_a_cubic_feature_is_shared_out_too() -> None:
    """The formula for three neighbours at once, on a polynomial whose shares are known."""
    rng = np.random.default_rng(5)
    n = 5
    one, two, three = rng.normal(size=n), rng.normal(size=(n, n)), rng.normal(size=(n, n, n))
    coalitions = module._coalitions(n, 3)

    def value(members) -> float:
        return (
            2.0
            + sum(one[j] for j in members)
            + sum(two[q] for q in itertools.combinations(members, 2))
            + sum(three[q] for q in itertools.combinations(members, 3))
        )

    baseline_f, shares_jf = module._shapley(np.array([[value(tuple(c))] for c in coalitions]), n, 3)
    expected = one.copy()
    for q in itertools.combinations(range(n), 2):
        expected[list(q)] += two[q] / 2
    for q in itertools.combinations(range(n), 3):
        expected[list(q)] += three[q] / 3
    assert baseline_f[0] == 2.0
    np.testing.assert_allclose(shares_jf[:, 0], expected, atol=1e-12)
