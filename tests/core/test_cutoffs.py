"""Cutoff functions: their ends, their slopes, and how smooth they are."""

from __future__ import annotations

import numpy as np
import pytest

from potscope.core.cutoffs import CUTOFF_FUNCTIONS, cutoff_function

from systems import derivative

KINDS = [(kind, name) for kind, name in enumerate(CUTOFF_FUNCTIONS) if name != "none"]
every_kind = pytest.mark.parametrize(("kind", "name"), KINDS, ids=[name for _, name in KINDS])
START, CUTOFF = 3.0, 5.0


@every_kind
def test_it_falls_from_one_to_zero(kind, name) -> None:
    start = 0.0 if name == "tanh3 unnormalised" else START
    at_start = np.tanh(1.0) ** 3 if name == "tanh3 unnormalised" else 1.0
    assert cutoff_function(kind, start, start, CUTOFF)[0] == pytest.approx(at_start, abs=1e-14)
    assert cutoff_function(kind, CUTOFF, start, CUTOFF) == (0.0, 0.0)
    assert cutoff_function(kind, CUTOFF - 1e-9, start, CUTOFF) == pytest.approx((0.0, 0.0), abs=1e-8)
    values = [cutoff_function(kind, r, start, CUTOFF)[0] for r in np.linspace(start, CUTOFF, 50)]
    assert (np.diff(values) < 0).all()


@every_kind
def test_the_derivative_is_the_slope(kind, name) -> None:
    for r in (3.1, 3.7, 4.5, 4.95):
        slope = derivative(lambda step, r=r: cutoff_function(kind, r + step, START, CUTOFF)[0])
        assert cutoff_function(kind, r, START, CUTOFF)[1] == pytest.approx(slope, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "order"), [("cosine", 2), ("tanh3", 3), ("poly1", 2), ("poly2", 3), ("poly3", 4), ("poly4", 5)]
)
def test_order_of_the_zero_at_the_cutoff(name, order) -> None:
    kind = CUTOFF_FUNCTIONS.index(name)
    near, far = (cutoff_function(kind, CUTOFF - d, START, CUTOFF)[0] for d in (1e-2, 2e-2))
    assert np.log2(far / near) == pytest.approx(order, abs=0.05)


def test_without_a_cutoff_function_all_that_is_within_counts_fully() -> None:
    assert cutoff_function(0, CUTOFF - 1e-9, START, CUTOFF) == (1.0, 0.0)
    assert cutoff_function(0, CUTOFF, START, CUTOFF) == (0.0, 0.0)
