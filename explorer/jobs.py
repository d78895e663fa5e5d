"""Long work off the event loop: one job at a time, with progress, cancel and an account of what went wrong.

A job is a plain function that takes a progress callback, as everything in `potscope.core` that takes long does.
It runs in a thread of its own. Whatever the session or the page learns of it arrives on the *owner's* thread,
through the `post` function given to `Jobs`: in a served page that is `document.add_next_tick_callback`. Without
one the calls wait in a queue that `Jobs.wait` empties, so that tests and scripts need neither page nor event loop.
All state is changed on the owner's thread alone, therefore nothing here needs a lock.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import param

from potscope.core.compiled import announced
from potscope.core.progress import Cancelled, Progress

LOGGER = logging.getLogger("potscope")

UPDATE_INTERVAL = 0.14
"""Seconds between two updates of a page: more than about seven a second pile up in the browser."""

Call = Callable[[], None]
Work = Callable[[Progress], Any]


@dataclass
class _Job:
    """One piece of work and what the owner wants to hear of it."""

    title: str
    work: Work
    on_done: Callable[[Any], None]
    on_update: Call
    cancelled: threading.Event = field(default_factory=threading.Event)
    fraction: float = 0.0
    message: str = ""
    posted: bool = False
    next_post: float = 0.0


def _nothing() -> None:
    """The `on_update` of a job whose owner only wants the end of it."""


class Jobs(param.Parameterized):
    """Runs one job at a time; those started meanwhile wait for their turn.

    Parameters
    ----------
    post
        Function that calls another function, later, on the owner's thread. Without it, `wait` makes the calls.
    """

    title = param.String(default="", constant=True, doc="What is running; empty when nothing is.")
    fraction = param.Number(default=0.0, bounds=(0, 1), constant=True, doc="How much of it is done.")
    message = param.String(default="", constant=True, doc="What it is doing now.")
    cancelling = param.Boolean(default=False, constant=True, doc="Whether it has been asked to stop.")
    waiting = param.List(default=[], item_type=str, constant=True, doc="Titles of the jobs that wait for their turn.")
    outcome = param.Selector(
        default="", objects=["", "done", "cancelled", "failed"], constant=True, doc="How the last job ended."
    )
    last_title = param.String(default="", constant=True, doc="Title of the last job that ended.")
    error = param.String(default="", constant=True, doc="What went wrong with the last job, in one line.")
    details = param.String(default="", constant=True, doc="The traceback of the last failure.")

    def __init__(self, post: Callable[[Call], Any] | None = None, **params: Any) -> None:
        super().__init__(**params)
        self._inbox: queue.SimpleQueue[Call] = queue.SimpleQueue()
        self._post = self._inbox.put if post is None else post
        self._current: _Job | None = None
        self._queue: deque[_Job] = deque()
        self._closed = False

    @property
    def busy(self) -> bool:
        """Whether a job is running or waiting."""
        return self._current is not None or bool(self._queue)

    def start(self, title: str, work: Work, on_done: Callable[[Any], None], on_update: Call = _nothing) -> None:
        """Run `work` as soon as nothing else runs; a waiting job of the same title is replaced.

        Parameters
        ----------
        title
            What the job is called on the screen.
        work
            Function of a progress callback, run in a thread. The callback raises `Cancelled` in it after `cancel`.
        on_done
            Called with the result on the owner's thread, only if the work came to its end.
        on_update
            Called on the owner's thread from time to time, and once more at the end, however the work ended.
        """
        if self._closed:
            return
        same = [job for job in self._queue if job.title == title]
        for job in same:
            self._queue.remove(job)
        self._queue.append(_Job(title, work, on_done, on_update))
        if self._current is None:
            self._next()
        else:
            self._show(waiting=[job.title for job in self._queue])

    def cancel(self, title: str | None = None) -> None:
        """Stop the running job (if it has this `title`), and forget those that wait (with this title)."""
        self._queue = deque(job for job in self._queue if title is not None and job.title != title)
        self._show(waiting=[job.title for job in self._queue])
        if self._current is not None and title in (None, self._current.title):
            self._current.cancelled.set()
            self._show(cancelling=True)

    def close(self) -> None:
        """Stop everything and post nothing more: the page is gone."""
        self._closed = True
        self._queue.clear()
        if self._current is not None:
            self._current.cancelled.set()

    def dismiss(self) -> None:
        """Forget the last failure."""
        self._show(error="", details="", outcome="")

    def wait(self, timeout: float = 600.0) -> None:
        """Block until every job has ended; only for sessions without a page."""
        deadline = time.monotonic() + timeout
        while self.busy:
            try:
                self._inbox.get(timeout=max(0.0, deadline - time.monotonic()))()
            except queue.Empty:
                raise TimeoutError(f"`{self.title}` did not end within {timeout:g} s") from None

    def _show(self, **values: Any) -> None:
        with param.edit_constant(self):
            self.param.update(**values)

    def _next(self) -> None:
        if not self._queue or self._closed:
            return
        job = self._current = self._queue.popleft()
        self._show(
            title=job.title,
            fraction=0.0,
            message="",
            cancelling=False,
            outcome="",
            error="",
            details="",
            waiting=[waiting.title for waiting in self._queue],
        )
        threading.Thread(target=self._run, args=(job,), name=f"potscope {job.title}", daemon=True).start()

    def _run(self, job: _Job) -> None:
        """The body of the thread: touches nothing of the owner's but through `_post`."""

        def progress(fraction: float, message: str = "") -> None:
            if job.cancelled.is_set():
                raise Cancelled(f"{job.title} was cancelled")
            tell(min(max(float(fraction), 0.0), 1.0), message)

        def tell(fraction: float, message: str) -> None:
            job.fraction, job.message = fraction, message
            if not job.posted and time.monotonic() >= job.next_post:
                job.posted = True
                self._send(lambda: self._update(job))

        def announce(words: str) -> None:
            """Never raises: it may be another session's work that waits for the kernel."""
            tell(job.fraction, words)

        try:
            with announced(announce):
                result = job.work(progress)
        except Cancelled:
            self._send(lambda: self._end(job, "cancelled"))
        except Exception as error:  # noqa: BLE001  the thread's boundary: whatever went wrong is told to the owner
            details, text = traceback.format_exc(), str(error) or type(error).__name__
            LOGGER.error("%s failed\n%s", job.title, details)
            self._send(lambda: self._end(job, "failed", error=text, details=details))
        else:
            self._send(lambda: self._end(job, "done", result=result))

    def _send(self, call: Call) -> None:
        if not self._closed:
            self._post(call)

    def _update(self, job: _Job) -> None:
        start = time.monotonic()
        if job is self._current and not self._closed:
            self._show(fraction=job.fraction, message=job.message)
            job.on_update()
        end = time.monotonic()
        job.next_post = max(start + UPDATE_INTERVAL, end + (end - start))  # half of the owner's time is for people
        job.posted = False

    def _end(self, job: _Job, outcome: str, result: Any = None, error: str = "", details: str = "") -> None:
        """Tell the owner how the job ended, and start the next."""
        if self._closed:
            return
        if job.cancelled.is_set() and outcome == "done":
            outcome = "cancelled"  # it ended before it noticed; nobody wants the result any more
        self._current = None
        try:
            job.on_update()
            if outcome == "done":
                job.on_done(result)
        finally:
            self._show(
                title="",
                fraction=0.0,
                message="",
                cancelling=False,
                last_title=job.title,
                outcome=outcome,
                error=error,
                details=details,
            )
            self._next()
