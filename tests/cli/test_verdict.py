"""What a drill must show, line by line: each line is missed when its promise is broken."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from resilient_ai.cli.count import Ledger
from resilient_ai.cli.plan import Outage
from resilient_ai.cli.verdict import Rules, verdict
from tests.cli.made_up import OUTAGE, done, seen

if TYPE_CHECKING:
    from resilient_ai.cli.count import Seen
    from resilient_ai.cli.program import Done
    from resilient_ai.cli.verdict import Line

RULES = Rules(published=True, probe_within=2.0, gap=0.15, ramp=3.0, duration=30.0)


def good() -> tuple[list[Done], list[Seen]]:
    """A wrapped side as it must be: ten calls a second, a video made elsewhere, a batch that could not be made."""
    calls, log = [], []
    for family in ("images", "responses"):
        for tenth in range(300):
            at = tenth / 10
            away = 10 <= at < 21.5 or (at < 24 and tenth % 2)
            calls.append(done(family, at, source="fallback" if away and at >= 10 else "fresh"))
            log.append(seen(calls[-1], provider="backup" if calls[-1].source == "fallback" else "primary"))
    for tenth in range(300):
        calls.append(done("chat", tenth / 10))
        log.append(seen(calls[-1]))
    calls += [done("embeddings", 1.0)] * 700
    video = done("videos", 12.0, step="create", source="fallback", made="video_1")
    fetch = done("videos", 12.5, step="fetch", source="fallback", about="video_1")
    log.append(seen(video, provider="backup", made="video_1"))
    log.append(seen(fetch, provider="backup", path="/v1/videos/video_1/content"))
    batch = done(
        "batches", 13.0, step="create", about="file-kept", kept=True, error="InternalServerError", sdk_error=True
    )
    log.append(seen(batch, 503, input_file="file-kept"))
    return [*calls, video, fetch, batch], log


def lines(calls: list[Done], log: list[Seen], *, rules: Rules = RULES, outage: Outage = OUTAGE) -> list[Line]:
    bare = Ledger([done(at=12.0, error="InternalServerError")] * 1500, [], {})
    return verdict(bare, Ledger(calls, log, {}), outage, rules)


def missed(found: list[Line]) -> list[str]:
    return [line.what for line in found if line.state == "missed"]


def test_a_good_drill_keeps_every_line() -> None:
    assert missed(lines(*good())) == []
    assert {line.state for line in lines(*good())} == {"kept"}


def test_one_unanswered_call_is_too_many() -> None:
    """340 calls: one without an answer is 99.7 %."""
    calls, log = good()
    at = next(i for i, call in enumerate(calls) if call.family == "images" and call.started >= 12)
    calls[at] = replace(calls[at], source=None, error="APIConnectionError", refused=True)
    assert missed(lines(calls, log)) == ["in the outage the wrapped client answers at least 99.9 % (responses, images)"]


def test_chat_elsewhere_is_seen() -> None:
    calls, log = good()
    at = next(i for i, each in enumerate(log) if each.family == "chat")
    log[at] = replace(log[at], provider="backup")
    assert missed(lines(calls, log)) == ["chat, not struck, never leaves the primary"]


def test_a_second_video_is_seen() -> None:
    calls, log = good()
    video = next(call for call in calls if call.made == "video_1")
    log.append(seen(video, 500, made="video_0"))
    assert "videos are never made twice" in missed(lines(calls, log))


@pytest.mark.parametrize("astray", [True, False])
def test_a_video_looked_for_at_the_wrong_place_is_seen(astray: bool) -> None:
    """Asked for at the primary though made elsewhere, or never fetched."""
    calls, log = good()
    if astray:
        log.append(seen(done("videos"), 404, path="/v1/videos/video_1"))
    else:
        calls = [call for call in calls if call.step != "fetch"]
    assert missed(lines(calls, log)) == ["a video made elsewhere is looked at and fetched there"]


@pytest.mark.parametrize("elsewhere", [True, False])
def test_a_kept_file_sent_elsewhere_or_a_foreign_error_is_seen(elsewhere: bool) -> None:
    calls, log = good()
    if elsewhere:
        log.append(seen(calls[-1], 400, provider="backup", input_file="file-kept"))
    else:
        calls[-1] = replace(calls[-1], sdk_error=False)
    assert missed(lines(calls, log)) == ["a batch whose file is the primary's ends in the SDK's own error"]


def test_too_many_requests_are_seen() -> None:
    calls, log = good()
    log += [seen(call, 500) for call in calls if call.family == "images" and 12 <= call.started < 15]
    assert missed(lines(calls, log)) == ["at most 1.1 upstream calls for a call in the outage"]


def test_a_late_probe_is_seen() -> None:
    """Without any request at the primary in the 2 s after recovery."""
    calls, log = good()
    log = [each for each in log if each.provider == "backup" or not 20 <= each.at < 22.4 or each.family != "images"]
    assert missed(lines(calls, log)) == ["images: first probe within 2 s of recovery (and the next call, 0.15 s)"]


def test_a_return_at_one_go_is_seen() -> None:
    calls, log = good()
    calls = [
        replace(call, source="fresh") if call.started >= 21.5 and call.source == "fallback" else call for call in calls
    ]
    assert missed(lines(calls, log)) == [
        f"{family}: back at the primary step by step" for family in ("responses", "images")
    ]


def test_what_is_not_promised_is_told_only() -> None:
    """On another timeline or pace nothing is promised of the bare SDK or of the traffic; nor if both are struck."""
    calls, log = good()
    both = Outage(OUTAGE.spans, backup_struck=True)
    told = {
        line.what
        for line in lines(calls, log, rules=replace(RULES, published=False), outage=both)
        if line.state == "told"
    }
    assert told == {
        "answered by the wrapped client, the second vendor being struck too (responses, images)",
        "answered by the bare SDK",
        "upstream calls for a call in the outage",
    }
