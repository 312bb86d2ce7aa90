"""Timelines: files that are checked, and faults that come and go at their time."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

import openai
import pytest

from resilient_ai.testing import FAMILIES, Timeline

if TYPE_CHECKING:
    from pathlib import Path

    from resilient_ai.testing import SimulatedProvider, Simulator

TOP = """
name = "short"
title = "a short one"
source = "none"
published = ["nothing"]
assumed = ["all"]
duration = 0.6
compression = 1
calls_per_second = 50
"""
DOWN = """
[[events]]
at = 0.15
until = 0.35
provider = "primary"
family = "models"
fault = "status"
args = {code = 500}
"""


def call_for(client: openai.OpenAI, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with contextlib.suppress(openai.APIError):
            client.models.list()
        with contextlib.suppress(openai.APIError):
            client.moderations.create(input="x")


def test_faults_come_and_go(client: openai.OpenAI, sim: Simulator, primary: SimulatedProvider) -> None:
    begun = sim.play(Timeline.parse(TOP + DOWN))
    call_for(client, 0.5)
    failed = [request.at - begun for request in primary.requests("models") if request.status == 500]
    well = [request.at - begun for request in primary.requests("models") if request.status == 200]
    assert failed
    assert 0.15 <= min(failed) <= max(failed) < 0.35
    assert min(well) < 0.15
    assert max(well) > 0.35
    assert not [moment for moment in well if 0.15 <= moment < 0.35]
    assert {request.status for request in primary.requests("moderations")} == {200}


def test_a_timeline_closes_the_door_and_opens_it(client: openai.OpenAI, sim: Simulator) -> None:
    refused = '[[events]]\nat = 0.3\nuntil = 0.6\nprovider = "primary"\nfault = "refused"\n'
    begun = time.monotonic()
    sim.play(Timeline.parse(TOP + refused))
    client.models.list()
    time.sleep(begun + 0.4 - time.monotonic())
    with pytest.raises(openai.APIConnectionError):
        client.models.list()
    time.sleep(begun + 0.7 - time.monotonic())
    client.models.list()


def test_a_timeline_can_be_stopped(client: openai.OpenAI, sim: Simulator) -> None:
    sim.play(Timeline.parse(TOP + DOWN.replace("0.15", "0")))
    with pytest.raises(openai.InternalServerError):
        client.models.list()
    sim.stop_timeline()
    client.models.list()


@pytest.mark.parametrize("name", Timeline.names())
def test_those_that_come_with_the_package(name: str) -> None:
    """Half a minute, healthy seconds before and after, and what is published apart from what is assumed."""
    timeline = Timeline.load(name)
    assert timeline.name == name
    assert timeline.duration == 30
    assert timeline.calls_per_second == 20
    assert timeline.published
    assert timeline.assumed
    assert "status.openai.com/incidents/" in timeline.source
    assert min(event.at for event in timeline.events) >= 4
    assert max(event.until for event in timeline.events) <= 25
    assert {event.provider for event in timeline.events} == {"primary"}


def test_december_26th_as_published(sim: Simulator, primary: SimulatedProvider, client: openai.OpenAI) -> None:
    """Over 90 % errors on the families named, none on chat completions."""
    assert Timeline.names() == ["2024-12-04", "2024-12-11", "2024-12-26"]
    timeline = Timeline.load("2024-12-26")
    hit = {family for event in timeline.events for family in event.families}
    assert hit == {"images", "responses", "videos", "batches", "files"}
    assert hit < set(FAMILIES)
    text = "".join(
        f'[[events]]\nat = 0\nuntil = 0.6\nprovider = "primary"\nfamily = "models"\nfault = "status"\n'
        f"args = {{code = {event.fault.code}, share = {event.fault.share}}}\n"
        for event in timeline.events
    )
    sim.play(Timeline.parse(TOP.replace("0.6", "60") + text.replace("0.6", "60")))
    for _ in range(200):
        with contextlib.suppress(openai.APIError):
            client.models.list()
    errors = sum(request.status != 200 for request in primary.requests())
    assert 0.86 < errors / 200 < 0.97


WRONG = [
    (TOP.replace('name = "short"\n', "") + DOWN, "name is wanted"),
    (TOP + DOWN + "when = 3\n", "unknown field 'when'"),
    (TOP, "events is wanted"),
    (TOP.replace("0.6", "-1") + DOWN, "duration is wanted above 0"),
    (TOP.replace("0.6", '"long"') + DOWN, "duration is wanted, as a number"),
    (TOP + DOWN.replace("at = 0.15", "at = -1"), "event 1: wanted 0 <= at"),
    (TOP + DOWN.replace("until = 0.35", "until = 0.1"), "event 1: wanted 0 <= at"),
    (TOP + DOWN.replace("until = 0.35", "until = 9"), "event 1: wanted 0 <= at"),
    (TOP + DOWN.replace('"status"', '"statsu"'), "event 1: no fault 'statsu'"),
    (TOP + DOWN.replace('"status"', '"to_json"'), "event 1: no fault 'to_json'"),
    (TOP + DOWN.replace("code =", "cod ="), "event 1: fault status"),
    (TOP + DOWN.replace("code = 500", "code = 500, share = 50"), "event 1: fault status: share"),
    (TOP + DOWN.replace('"models"', '"modles"'), "event 1: no family 'modles'"),
    (TOP + DOWN.replace('"status"\nargs = {code = 500}', '"refused"'), "event 1: the fault refused is the whole"),
    (TOP + DOWN + "[", "Invalid|Expected"),
]


@pytest.mark.parametrize(("text", "told"), WRONG)
def test_wrong_files_say_where(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=f"mine.toml: .*({told})"):
        Timeline.load(path)


def test_no_such_timeline() -> None:
    with pytest.raises(FileNotFoundError, match="2024-12-26"):
        Timeline.load("2024-12-25")


def test_no_such_provider(sim: Simulator) -> None:
    with pytest.raises(ValueError, match="event 1: no provider 'third'; there are primary, backup"):
        sim.play(Timeline.parse(TOP + DOWN.replace("primary", "third")))
