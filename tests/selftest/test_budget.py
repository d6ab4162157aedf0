"""The budget is asked before every request, and is never overrun."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relayproof.relay import Limits
from relayproof.wire.budget import Budget, BudgetSpent, Spent


def test_a_request_too_many_is_refused_and_reserves_nothing() -> None:
    budget = Budget(Limits(requests=2, tokens=100))
    budget.reserve(10)
    budget.reserve(10)
    with pytest.raises(BudgetSpent, match="the budget of 2 requests is spent"):
        budget.reserve(10)
    assert budget.spent == Spent(2, 20)


def test_a_token_too_many_is_refused_and_reserves_nothing() -> None:
    budget = Budget(Limits(requests=9, tokens=1_000))
    budget.reserve(1_000)
    with pytest.raises(BudgetSpent, match="the budget of 1,000 tokens would be overrun"):
        budget.reserve(1)
    assert budget.spent == Spent(1, 1_000)


def test_what_was_not_used_is_free_again() -> None:
    budget = Budget(Limits(requests=9, tokens=100))
    budget.reserve(90)
    budget.settle(90, 15)
    budget.reserve(85)
    assert budget.spent == Spent(2, 100)


def test_a_relay_that_says_more_than_was_possible_is_believed() -> None:
    budget = Budget(Limits(requests=9, tokens=100))
    budget.reserve(10)
    budget.settle(10, 500)
    with pytest.raises(BudgetSpent):
        budget.reserve(1)


def test_no_budget_is_no_request() -> None:
    with pytest.raises(BudgetSpent):
        Budget(Limits(requests=0)).reserve(0)


@given(st.integers(0, 8), st.integers(0, 200), st.lists(st.tuples(st.integers(0, 90), st.integers(0, 100))))
def test_no_order_of_requests_overruns_it(requests: int, tokens: int, calls: list[tuple[int, int]]) -> None:
    budget = Budget(Limits(requests=requests, tokens=tokens))
    for most, percent in calls:
        try:
            budget.reserve(most)
        except BudgetSpent:
            continue
        assert budget.spent.requests <= requests
        assert budget.spent.tokens <= tokens
        budget.settle(most, most * percent // 100)
    assert budget.spent.requests <= requests


def test_sixteen_threads_do_not_overrun_it() -> None:
    budget = Budget(Limits(requests=100, tokens=1_000))
    start = threading.Barrier(16)

    def ask(_: int) -> int:
        start.wait()
        sent = 0
        for _ in range(50):
            try:
                budget.reserve(9)
            except BudgetSpent:
                continue
            sent += 1
        return sent

    with ThreadPoolExecutor(16) as pool:
        sent = sum(pool.map(ask, range(16)))
    assert sent == 100
    assert budget.spent == Spent(100, 900)
