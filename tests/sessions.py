"""Sessions for tests: real silicon, so few structures and so coarse settings that a fit takes a second."""

from __future__ import annotations

from functools import cache

import numpy as np

from potscope import sample_data
from potscope.core import Dataset
from potscope.explorer.session import Session

COARSE_DESCRIPTOR = {"cutoff": 4.0, "n_max": 3, "l_max": 2}
COARSE_MODEL = {"n_sparse": 20}


@cache
def few_structures(of_each_group: int = 4) -> Dataset:
    """The first few silicon structures of each group."""
    data = sample_data.load("silicon")
    groups = np.array(data.groups)
    chosen = np.concatenate([np.flatnonzero(groups == group)[:of_each_group] for group in data.group_sizes])
    return data[np.sort(chosen)]


def coarse(session: Session) -> Session:
    """The session, set up for a fit that takes a second."""
    session.descriptor.set(**COARSE_DESCRIPTOR)
    session.model.set(**COARSE_MODEL)
    session.test_fraction = 0.25
    return session


def coarse_session(dataset: Dataset | None = None) -> Session:
    """A session without a page."""
    return coarse(Session(few_structures() if dataset is None else dataset))


def fitted_session(dataset: Dataset | None = None) -> Session:
    """A session without a page, with a fitted potential."""
    session = coarse_session(dataset)
    session.start_fit()
    session.jobs.wait()
    assert session.jobs.outcome == "done", session.jobs.details
    return session
