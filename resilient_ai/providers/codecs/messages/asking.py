"""Writes a request, as the model that is asked takes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..base import Written
from .models import VERSIONS, model_of
from .schemas import TOO_MUCH, Strictness, kept_schema
from .thinking import write_thinking
from .tools import write_tools
from .turns import write_turns

if TYPE_CHECKING:
    from ...canonical import Request
    from ..base import Lost
    from .models import Model

__all__ = ["PATH", "write_request"]

PATH = "v1/messages"
_WITH_SAMPLING, _WITHOUT = ((("anthropic-version", version),) for version in VERSIONS)

_NOWHERE = {
    "seed": (None,),
    "presence_penalty": (None, 0),
    "frequency_penalty": (None, 0),
    "verbosity": (None, "medium"),
}
"""What Anthropic has not, and the values at which nothing is lost."""


def write_request(request: Request, lost: Lost, most: int | None = None) -> Written:
    """A request in this dialect. ``most``: the most tokens that the model answers with, if that is known."""
    model = model_of(request.model)
    turns = write_turns(request, model, lost)
    body: dict[str, Any] = {
        "model": request.model,
        "max_tokens": _max_tokens(request.max_tokens, model, most),
        "messages": turns.messages,
    }
    system = turns.system
    if system:
        body["system"] = system[0]["text"] if len(system) == 1 else system
    strictness = Strictness()
    _write_schema(request, model, strictness, body, lost)
    write_tools(request, model, strictness, body, lost)
    thinks = write_thinking(request, model, body, lost)
    _write_sampling(request, 0 if thinks else model.sampling, body, lost)
    if request.stop:
        _write_stop(request, body, lost)
    for name, nothing in _NOWHERE.items():
        if getattr(request, name) not in nothing:
            lost(request.path(name), "Anthropic has nothing like it")
    if request.stream:
        body["stream"] = True
    return Written(PATH, body, headers=_WITH_SAMPLING if model.sampling else _WITHOUT)


def _max_tokens(asked: int | None, model: Model, most: int | None) -> int:
    """The caller's, which can be no more than the model's; else the model's."""
    if asked is None:
        return most or model.usual or model.most
    limit = most or model.most
    return min(asked, limit) if limit else asked


def _write_schema(request: Request, model: Model, strictness: Strictness, body: dict[str, Any], lost: Lost) -> None:
    given, at = request.schema, request.path("schema")
    if given is None:
        return
    if given.schema is None:
        lost(at, "Anthropic has no JSON without a schema")
    elif not model.schemas:
        lost(at, "the model does not keep to a schema")
    else:
        kept = kept_schema(given.schema, lambda why: lost(at, why))
        if given.description is not None:
            kept.setdefault("description", given.description)
        if strictness.takes(kept):
            body["output_config"] = {"format": {"type": "json_schema", "schema": kept}}
        else:
            lost(at, TOO_MUCH)


def _write_sampling(request: Request, takes: int, body: dict[str, Any], lost: Lost) -> None:
    """A model takes two, one or none of these numbers, and none while it thinks."""
    for name, usual in (("temperature", 1), ("top_p", 1), ("top_k", None)):
        value = getattr(request, name)
        if value is None or value == usual:
            continue
        if not takes:
            lost(request.path(name), "the model does not take it, or not while it thinks")
        elif name != "top_k" and not 0 <= value <= 1:
            lost(request.path(name), "Anthropic takes it from 0 to 1")
        elif name == "top_p" and takes == 1 and "temperature" in body:
            lost(request.path(name), "the model takes either this or temperature")
        else:
            body[name] = value


def _write_stop(request: Request, body: dict[str, Any], lost: Lost) -> None:
    stop = [sequence for sequence in request.stop if sequence.strip()]
    if len(stop) != len(request.stop):
        lost(request.path("stop"), "Anthropic takes no stop sequence of white space")
    if stop:
        body["stop_sequences"] = stop
