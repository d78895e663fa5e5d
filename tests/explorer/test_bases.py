"""Potentials that stand on others: composed, fitted, named, saved, compared, and written as code."""

from __future__ import annotations

import runpy

import numpy as np
import pytest
from sessions import coarse, coarse_session, few_structures

from potscope.core.models import Delta, Potential
from potscope.explorer import views
from potscope.explorer.bases import BASES, Nothing, composed, family
from potscope.explorer.code import code
from potscope.explorer.session import Session

every_base = pytest.mark.parametrize("name", [name for name in BASES if name != "Nothing"])


def fitted_on(name: str) -> Session:
    session = coarse_session()
    session.base.choice = name
    session.start_fit()
    session.jobs.wait()
    assert session.jobs.outcome == "done", session.jobs.details
    return session


def test_a_model_stands_on_nothing_unless_it_is_told_to():
    session = coarse_session()
    assert isinstance(session.base.build(), Nothing)
    assert type(session.build_model()) is session.model.chosen
    model = session.build_model()
    assert composed(Nothing(), model) is model


@every_base
def test_a_model_learns_what_its_base_leaves_over(name):
    session = fitted_on(name)
    model = session.fit.model
    assert isinstance(model, Delta)
    assert type(model.base) is BASES[name]
    assert session.fit.label == f"GAP on {name} #1" == f"{family(model)} #1"
    assert session.fit.test_errors["force_rmse"] < 1.0
    assert session.fit.energy_std_s is not None  # the correction's
    both = model.base_.predict(few_structures()).energies + model.correction_.predict(few_structures()).energies
    np.testing.assert_allclose(session.fit.prediction.energies, both)
    again = coarse_session()
    (path,) = again.kept({"composed.potscope": session.saved_model().read()})
    again.opening.start(path)
    again.reading.wait()
    again.jobs.wait()
    assert again.fit.label == f"GAP on {name} composed"
    assert again.fit.test_errors == pytest.approx(session.fit.test_errors, nan_ok=True)


@every_base
def test_the_code_composes_the_same(name, tmp_path):
    session = coarse_session()
    session.open(few_structures(2), sample="silicon")
    session.jobs.cancel()
    session.jobs.wait()
    coarse(session).base.choice = name
    session.comparing.chosen = ["GAP"]
    for what, wanted in (("fit", "model"), ("compare", "models")):
        text = code(session, what)
        lines = text.splitlines()
        imports = [line for line in lines if line.startswith("from potscope")]
        start = next(k for k, line in enumerate(lines) if line.startswith(("model = ", "models = {")))
        end = next(k for k, line in enumerate(lines) if line.startswith(("model = ", "}")))
        (tmp_path / f"{what}.py").write_text("\n".join([*imports, *lines[start : end + 1]]))
        found = runpy.run_path(str(tmp_path / f"{what}.py"))[wanted]
        model: Potential = found if what == "fit" else found["GAP"]
        own = session.build_model()
        assert family(model) == family(own)
        assert (repr(model.base), repr(model.correction)) == (repr(own.base), repr(own.correction))


@every_base
def test_its_settings_are_shown_and_checked(name):
    session = coarse_session()
    view = views.FitView(session)
    assert view.base.choice.value == "Nothing"
    view.base.choice.value = name
    assert list(view.base.widgets) == list(session.base.declared())
    setting = next(iter(item for item in session.base.declared().values() if item.type is float))
    view.base.widgets[setting.name].value = setting.bounds[1] + 1
    assert view.button.disabled
    assert setting.name in view.words.object
    session.base.choice = "Nothing"
    assert not view.button.disabled


def test_composed_models_are_compared():
    session = fitted_on("PairPotential")
    session.comparing.chosen = ["GAP on PairPotential #1", "CompositionModel"]
    session.comparing.start()
    session.jobs.wait()
    assert session.jobs.outcome == "done", session.jobs.details
    row = session.comparing.comparison["GAP on PairPotential #1"]
    assert row.error == ""
    assert row.errors["force_rmse"] == pytest.approx(session.fit.test_errors["force_rmse"], rel=1e-6)
