"""The budget of hedges against a plain model."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from resilient_ai.strategies.hedge import Usual


@given(
    share=st.floats(0.01, 1.0),
    steps=st.lists(st.tuples(st.floats(0, 100), st.booleans(), st.booleans()), max_size=300),
)
def test_hedges_stay_below_their_share_at_any_rate_of_calls(
    share: float, steps: list[tuple[float, bool, bool]]
) -> None:
    """Of n calls at most max(1, share · n) are hedged, however far apart they are; what was not sent counts for
    nothing; and a budget that was used up is there again after 2 / share calls."""
    budget, now, hedged = Usual(share).budget, 0.0, 0
    for number, (passed, slow, refused) in enumerate(steps, 1):
        now += passed
        budget.deposit(now)
        if slow and budget.withdraw(now):
            if refused:
                budget.refund()
            else:
                hedged += 1
        assert 0 <= budget.tokens(now) <= 10
        assert hedged <= max(1, share * number + 1e-6)
    for _ in range(int(2 / share) + 2):
        budget.deposit(now)
    assert budget.withdraw(now)
