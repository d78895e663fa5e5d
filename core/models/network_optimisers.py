"""Searches for the parameters of networks: quasi-Newton on all structures, and Adam on a few at a time.

Each stops early where the error of structures that are held out has not fallen for some epochs, and gives back the best
parameters it has seen.

References
----------
D. C. Liu, J. Nocedal, Math. Program. 45, 503 (1989), for L-BFGS. doi:10.1007/BF01589116

D. P. Kingma, J. Ba, *Adam: a method for stochastic optimization*, ICLR 2015. arXiv:1412.6980
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from potscope.core._types import Array
from potscope.core.models.network_training import Batch, Objective, Trained
from potscope.core.progress import Progress

CORRECTIONS = 50  # pairs of steps and changes of the gradient that L-BFGS remembers
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8  # Adam's, as published
FINAL_RATE = 1e-2  # of the first; the rate falls by half a cosine


@dataclass(frozen=True)
class Search:
    """How to search.

    Attributes
    ----------
    epochs
        Most epochs: iterations of L-BFGS, or times that Adam sees every structure.
    patience
        Epochs without improvement after which to stop; 0 for never.
    learning_rate, batch_size
        Of Adam; structures in a batch.
    """

    epochs: int
    patience: int
    learning_rate: float
    batch_size: int


class Watch:
    """Keeps the best of all epochs, and knows when to stop."""

    def __init__(
        self, objective: Objective, validation: Batch | None, search: Search, progress: Progress, first: Array
    ) -> None:
        self.objective, self.validation, self.search, self.progress = objective, validation, search, progress
        self.best, self.loss, self.best_epoch = first, np.inf, 0
        self.history: list[tuple[float, float]] = []

    def seen(self, parameters: Array, training: float) -> bool:
        """Take note of an epoch; whether to stop."""
        held_out = np.nan if self.validation is None else self.objective.loss(parameters, self.validation)
        self.history.append((training, held_out))
        epoch = len(self.history)
        loss = training if self.validation is None else held_out
        if loss < self.loss:
            self.best, self.loss, self.best_epoch = parameters.copy(), loss, epoch
        error = f"{100 * np.sqrt(training):.2f} %" + (
            "" if self.validation is None else f", held out {100 * np.sqrt(held_out):.2f} %"
        )
        self.progress(min(1.0, epoch / self.search.epochs), f"epoch {epoch}: relative error {error}")
        return bool(self.search.patience and epoch - self.best_epoch >= self.search.patience)

    def trained(self) -> Trained:
        """What has been found."""
        return Trained(self.best, np.array(self.history).reshape(-1, 2), float(self.loss))


Optimiser = Callable[[Objective, Array, Batch, Batch | None, Search, np.random.Generator, Progress], Trained]


def lbfgs(
    objective: Objective,
    first: Array,
    training: Batch,
    validation: Batch | None,
    search: Search,
    rng: np.random.Generator,  # noqa: ARG001 - nothing is left to chance
    progress: Progress,
) -> Trained:
    """Limited-memory quasi-Newton (L-BFGS) on all structures at once, by SciPy; see `adam` for the parameters."""
    watch = Watch(objective, validation, search, progress, first)

    def seen(intermediate_result: object) -> None:
        if watch.seen(intermediate_result.x, intermediate_result.fun):  # type: ignore[attr-defined]
            raise StopIteration

    minimize(
        objective.loss_and_gradient,
        first,
        args=(training,),
        jac=True,
        method="L-BFGS-B",
        callback=seen,
        options={
            "maxiter": search.epochs,
            "maxfun": 20 * search.epochs,
            "maxcor": CORRECTIONS,
            "ftol": 0.0,
            "gtol": 1e-10,
        },
    )
    return watch.trained()


def adam(
    objective: Objective,
    first: Array,
    training: Batch,
    validation: Batch | None,
    search: Search,
    rng: np.random.Generator,
    progress: Progress,
) -> Trained:
    r"""Adam on batches of structures, drawn anew every epoch, with a rate that falls from η to η/100.

    .. math::
        \mathbf m &\leftarrow \beta_1\mathbf m + (1 - \beta_1)\mathbf g, \qquad
        \mathbf v \leftarrow \beta_2\mathbf v + (1 - \beta_2)\mathbf g^2, \\
        \theta &\leftarrow \theta - \eta\,\frac{\mathbf m/(1 - \beta_1^t)}{\sqrt{\mathbf v/(1 - \beta_2^t)} + \epsilon}

    Parameters
    ----------
    objective
        Loss, and its gradient :math:`\mathbf g` by the parameters :math:`\theta`.
    first
        Parameters to begin with.
    training, validation
        What is learnt from, and what tells when to stop; None for going on to the end.
    search
        Epochs, η, the size of a batch, and when to stop.
    rng
        Draws the batches.
    progress
        Called after every epoch; it may raise `Cancelled`.
    """
    watch = Watch(objective, validation, search, progress, first)
    parameters, m, v = first.copy(), np.zeros_like(first), np.zeros_like(first)
    n, n_species, t = len(training.examples), len(objective.networks), 0
    for epoch in range(search.epochs):
        cosine = 0.5 * (1 + np.cos(np.pi * epoch / search.epochs))
        rate = search.learning_rate * (FINAL_RATE + (1 - FINAL_RATE) * cosine)
        losses, order = 0.0, rng.permutation(n)
        for start in range(0, n, search.batch_size):
            examples = [training.examples[s] for s in order[start : start + search.batch_size]]
            if not any(example.n_equations for example in examples):
                continue
            batch = Batch(examples, n_species)
            loss, gradient = objective.loss_and_gradient(parameters, batch)
            t += 1
            m = BETA_1 * m + (1 - BETA_1) * gradient
            v = BETA_2 * v + (1 - BETA_2) * gradient**2
            step = (m / (1 - BETA_1**t)) / (np.sqrt(v / (1 - BETA_2**t)) + EPSILON)
            parameters = parameters - rate * step
            losses += loss * batch.n_equations
        if watch.seen(parameters, losses / training.n_equations):
            break
    return watch.trained()


OPTIMISERS: dict[str, Optimiser] = {"L-BFGS": lbfgs, "Adam": adam}
