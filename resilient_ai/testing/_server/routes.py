"""Which endpoint answers which path, on OpenAI's paths and on Azure's."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from ..records import FAMILIES
from . import chat, fields, jobs, media, responses
from .replies import Json, Refusal, Reply
from .validate import check, check_model
from .world import Ask, World

if TYPE_CHECKING:
    from .fields import Spec

Handler = Callable[[World, Ask], Reply]


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint."""

    method: str
    pattern: re.Pattern[str]
    spec: Spec
    handler: Handler
    needs_key: bool


class Place(NamedTuple):
    """A path read: what comes after the API's root, and what the root said."""

    rest: str
    azure: bool
    deployment: str | None


_ROOT: Final = re.compile(r"/openai/deployments/(?P<deployment>[^/]+)|/openai/v1|/openai|/v1")


def place(path: str) -> Place:
    """Take the API's root off a path; without one the path is left as it is."""
    found = _ROOT.match(path)
    if not found or not path[found.end() :].startswith("/"):
        return Place(path, False, None)
    return Place(path[found.end() :], found[0].startswith("/openai"), found["deployment"])


def family(path: str) -> str:
    """The endpoint family of a path."""
    name = place(path).rest.strip("/").partition("/")[0]
    return name if name in FAMILIES else "other"


def find(method: str, rest: str) -> tuple[Route, tuple[str, ...]]:
    """The endpoint of a path and the ids in it; else the vendor's 404 or 405."""
    known = False
    for route in _ROUTES:
        if found := route.pattern.fullmatch(rest):
            if route.method == method:
                return route, found.groups()
            known = True
    if known:
        raise Refusal(405, f"Not allowed to {method} on {rest}.", code="method_not_supported")
    raise Refusal(404, f"Invalid URL ({method} {rest})", code="unknown_url")


def _run_line(world: World, endpoint: str, body: Json) -> Reply:
    """One line of a batch."""
    try:
        found = place(endpoint)
        route, args = find("POST", found.rest)
        ask = Ask(method="POST", path=endpoint, query={}, json=body, args=args)
        if body.get("stream"):
            raise Refusal(400, "A batch cannot stream.", param="stream")
        check(route.spec, ask)
        check_model(world.models, ask)
        return route.handler(world, ask)
    except Refusal as refusal:
        return refusal.reply()


def _get_batch(world: World, ask: Ask) -> Reply:
    return jobs.get_batch(world, ask, lambda endpoint, body: _run_line(world, endpoint, body))


def _route(method: str, pattern: str, spec: Spec, handler: Handler, *, needs_key: bool = True) -> Route:
    return Route(method, re.compile(pattern.replace("{id}", "([^/]+)")), spec, handler, needs_key)


_ROUTES: Final = (
    _route("POST", "/chat/completions", fields.CHAT, chat.chat),
    _route("POST", "/completions", fields.COMPLETIONS, chat.completions),
    _route("POST", "/responses", fields.RESPONSES, responses.create),
    _route("GET", "/responses/{id}", fields.NOTHING, responses.get),
    _route("DELETE", "/responses/{id}", fields.NOTHING, responses.delete),
    _route("POST", "/responses/{id}/cancel", fields.NOTHING, responses.cancel),
    _route("POST", "/embeddings", fields.EMBEDDINGS, media.embeddings),
    _route("GET", "/models", fields.NOTHING, media.list_models),
    _route("GET", "/models/{id}", fields.NOTHING, media.get_model),
    _route("POST", "/moderations", fields.MODERATIONS, media.moderations),
    _route("POST", "/images/generations", fields.IMAGES, media.images),
    _route("POST", "/images/edits", fields.IMAGE_EDITS, media.images),
    _route("POST", "/images/variations", fields.IMAGE_VARIATIONS, media.images),
    _route("GET", r"/pictures/([0-9a-f]{16})\.png", fields.NOTHING, media.picture, needs_key=False),
    _route("POST", "/audio/speech", fields.SPEECH, media.speech),
    _route("POST", "/audio/transcriptions", fields.TRANSCRIPTIONS, media.transcriptions),
    _route("POST", "/audio/translations", fields.TRANSLATIONS, media.transcriptions),
    _route("POST", "/files", fields.FILES, jobs.create_file),
    _route("GET", "/files", fields.NOTHING, jobs.list_files),
    _route("GET", "/files/{id}", fields.NOTHING, jobs.get_file),
    _route("GET", "/files/{id}/content", fields.NOTHING, jobs.file_content),
    _route("DELETE", "/files/{id}", fields.NOTHING, jobs.delete_file),
    _route("POST", "/videos", fields.VIDEOS, jobs.create_video),
    _route("GET", "/videos", fields.NOTHING, jobs.list_videos),
    _route("GET", "/videos/{id}", fields.NOTHING, jobs.get_video),
    _route("GET", "/videos/{id}/content", fields.NOTHING, jobs.video_content),
    _route("DELETE", "/videos/{id}", fields.NOTHING, jobs.delete_video),
    _route("POST", "/videos/{id}/remix", fields.REMIX, jobs.create_video),
    _route("POST", "/batches", fields.BATCHES, jobs.create_batch),
    _route("GET", "/batches", fields.NOTHING, jobs.list_batches),
    _route("GET", "/batches/{id}", fields.NOTHING, _get_batch),
    _route("POST", "/batches/{id}/cancel", fields.NOTHING, jobs.cancel_batch),
)
