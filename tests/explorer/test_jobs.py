from __future__ import annotations

import logging
import threading
import time

import numba
import pytest

from potscope.core.progress import Progress
from potscope.explorer.jobs import UPDATE_INTERVAL, Jobs


def count_to(n: int, started: threading.Event | None = None):
    def work(progress: Progress) -> int:
        for k in range(n):
            progress(k / n, f"{k} of {n}")
            if started is not None:
                started.set()
            time.sleep(0.002)
        return n

    return work


def test_a_result_arrives_once_the_owner_waits():
    jobs, results = Jobs(), []
    jobs.start("Count", count_to(3), results.append)
    assert jobs.busy
    jobs.wait()
    assert results == [3]
    assert (jobs.title, jobs.outcome, jobs.last_title, jobs.busy) == ("", "done", "Count", False)


def test_everything_the_owner_hears_comes_on_the_owners_thread():
    jobs, threads = Jobs(), set()

    def note(*_: object) -> None:
        threads.add(threading.current_thread())

    jobs.param.watch(note, ["title", "fraction", "message", "outcome"])
    jobs.start("Count", count_to(200), note, on_update=note)
    jobs.wait()
    assert threads == {threading.current_thread()}


def test_progress_is_shown_but_not_too_often():
    jobs, fractions = Jobs(), []
    jobs.param.watch(lambda event: fractions.append(event.new), "fraction")
    start = time.monotonic()
    jobs.start("Count", count_to(400), lambda _: None)
    jobs.wait()
    assert 2 <= len(fractions) <= 8 * (time.monotonic() - start) + 3
    assert sorted(fractions[:-1]) == fractions[:-1]


def test_cancel_stops_the_work_and_gives_no_result():
    jobs, results, started = Jobs(), [], threading.Event()
    jobs.start("Count", count_to(100_000, started), results.append)
    assert started.wait(5)
    jobs.cancel()
    assert jobs.cancelling
    jobs.wait(timeout=5)
    assert (results, jobs.outcome, jobs.error) == ([], "cancelled", "")


def test_a_result_that_comes_after_cancel_is_dropped():
    jobs, results, go = Jobs(), [], threading.Event()

    def deaf(progress: Progress) -> int:
        go.wait(5)
        return 1

    jobs.start("Deaf", deaf, results.append)
    jobs.cancel()
    go.set()
    jobs.wait(timeout=5)
    assert (results, jobs.outcome) == ([], "cancelled")


def test_a_failure_is_told_and_the_next_job_runs(caplog):
    jobs, results = Jobs(), []

    def fail(progress: Progress) -> None:
        raise ValueError("`n_sparse`: too many")

    with caplog.at_level(logging.ERROR, logger="potscope"):
        jobs.start("Fail", fail, results.append)
        jobs.wait()
    assert jobs.outcome == "failed"
    assert jobs.error == "`n_sparse`: too many"
    assert "Traceback" in jobs.details
    assert "ValueError" in caplog.text
    jobs.start("Count", count_to(2), results.append)
    assert jobs.error == ""
    jobs.wait()
    assert results == [2]


def test_an_error_in_what_is_done_with_a_result_leaves_the_jobs_usable():
    jobs, results = Jobs(), []

    def refuse(_: object) -> None:
        raise RuntimeError("no")

    jobs.start("Count", count_to(2), refuse)
    with pytest.raises(RuntimeError, match="no"):
        jobs.wait()
    jobs.start("Count", count_to(2), results.append)
    jobs.wait()
    assert results == [2]


def test_jobs_run_one_after_the_other_and_a_waiting_one_is_replaced():
    jobs, results, go = Jobs(), [], threading.Event()

    def first(progress: Progress) -> str:
        go.wait(5)
        return "first"

    jobs.start("A", first, results.append)
    jobs.start("B", lambda progress: "old", results.append)
    jobs.start("B", lambda progress: "new", results.append)
    assert jobs.waiting == ["B"]
    go.set()
    jobs.wait()
    assert results == ["first", "new"]


def test_cancel_by_title_leaves_the_others():
    jobs, results, started = Jobs(), [], threading.Event()
    jobs.start("A", count_to(100_000, started), results.append)
    jobs.start("B", count_to(1), results.append)
    assert started.wait(5)
    jobs.cancel("A")
    jobs.wait(timeout=5)
    assert results == [1]


def test_a_closed_page_hears_nothing_more():
    posted: list = []
    jobs, started = Jobs(posted.append), threading.Event()
    jobs.start("Count", count_to(100_000, started), lambda _: None)
    assert started.wait(5)
    jobs.close()
    n_posted = len(posted)
    for thread in threading.enumerate():
        if thread.name == "potscope Count":
            thread.join(5)
            assert not thread.is_alive()
    assert len(posted) == n_posted
    jobs.start("Count", count_to(1), lambda _: None)
    assert len(posted) == n_posted


def test_waiting_too_long_is_an_error_that_names_the_job():
    jobs, go = Jobs(), threading.Event()
    jobs.start("Sleep", lambda progress: go.wait(5), lambda _: None)
    with pytest.raises(TimeoutError, match="`Sleep`"):
        jobs.wait(timeout=0.05)
    go.set()
    jobs.wait()


def test_compiling_is_told_while_it_lasts():
    """As on the first use after an installation: a kernel that is new is made within a job."""

    def plus_one(x: float) -> float:
        return x + 1

    plus_one.__module__ = "potscope.core.new"
    jobs, seen, new = Jobs(), [], numba.njit(plus_one)
    jobs.param.watch(lambda event: seen.append(event.new), "message")

    def work(progress: Progress) -> float:
        result = new(1.0)
        time.sleep(2 * UPDATE_INTERVAL)
        progress(0.5, "fitting")
        return result

    results: list[float] = []
    jobs.start("Fit", work, results.append)
    jobs.wait()
    assert results == [2.0]
    assert seen[0].startswith("compiling, once per installation: plus one")
    assert "fitting" in seen
    seen.clear()
    jobs.start("Fit", work, results.append)
    jobs.wait()
    assert not any("compiling" in words for words in seen)


def test_compiling_for_another_session_is_not_stopped_by_cancelling():
    """The announcement comes from the thread that compiles, which may not be that of the job that was cancelled."""

    def plus_two(x: float) -> float:
        return x + 2

    plus_two.__module__ = "potscope.core.new"
    cancelled, new, started, stop = Jobs(), numba.njit(plus_two), threading.Event(), threading.Event()

    def wait(progress: Progress) -> None:
        started.set()
        stop.wait(20)
        progress(0.1, "waited")

    cancelled.start("Fit", wait, lambda _: None)
    started.wait(20)
    cancelled.cancel()
    assert new(1.0) == 3.0
    stop.set()
    cancelled.wait()
    assert cancelled.outcome == "cancelled"
