"""A call to a target that speaks another dialect: what goes out is turned just before it is sent, what comes back
before anybody reads it. Everything above goes on in the caller's own dialect."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from .._call import Facts
from .._host import Host
from ..providers.codecs.base import Asked, Untranslatable, dropping
from ..providers.codecs.table import TONGUES, translation
from ..providers.codecs.turn import StreamTurn
from ..providers.hosting import PLAIN, fitted, key_header, url_at
from ..providers.registry import DIALECTS
from ..providers.streams.base import OTHER_SCHEMA
from ..providers.streams.openai_chat import UNTERMINATED_CHAT
from ._answer import Answer, ParsedOnce, is_event_stream, whole
from ._carried import capabilities_at, loss
from ._first import asks_for_stream
from ._request import Prepared

if TYPE_CHECKING:
    from .._call import Call, Reply
    from .._target import Target
    from ..errors import Failure
    from ..providers.base import Dialect, Endpoint
    from ..providers.codecs.base import Written
    from ..providers.codecs.table import Pair
    from ._flavour import Flavour
    from ._port import HttpPort

__all__ = ["Other", "Translated", "translated"]

_AGENT = "resilient-ai"
_OLD_KEYS = "2023-06-01"
"""The version of Anthropic's API whose keys have a header of their own. (What takes later ones takes a bearer's.)"""
_OF_THE_BODY = ("content-encoding", "content-length", "content-type", "transfer-encoding")


class _Answers(NamedTuple):
    """What the answers to a translated call are for: the program's own request.

    Attributes:
        pair: who translates.
        asked: the request, parsed.
        id_header: where the caller's SDK looks for a request's id.
    """

    pair: Pair
    asked: Asked
    id_header: bytes


@dataclass(frozen=True, slots=True)
class Translated:
    """One request in another dialect, for one target.

    Attributes:
        dialect: the target's.
        endpoint: where it goes there.
        body: in the target's dialect.
        dropped: paths in the caller's request of what could not be carried over, where that is allowed.
    """

    dialect: Dialect
    endpoint: Endpoint
    body: bytes
    dropped: tuple[str, ...]
    _url: str
    _written: Written
    _model: str
    _for: _Answers

    def __repr__(self) -> str:
        return f"<Translated {self.endpoint}>"  # the rest holds prompts

    # What goes out

    def request(self, prepared: Prepared, target: Target, flavour: Flavour) -> Any:
        """The request as the target gets it: nothing of the primary's in it but what was asked, and for how long."""
        host = host_of(target)
        headers = [
            ("accept", "text/event-stream" if self._for.asked.stream else "application/json"),
            ("content-type", "application/json"),
            ("user-agent", _AGENT),
            *(() if host.wrapping else self._written.headers),  # which has its version in the body
        ]
        packing = prepared.headers.get(b"accept-encoding")  # what this http client can unpack
        if packing is not None:
            headers.append(("accept-encoding", packing.decode("latin-1")))
        key = target.key()  # a callable's was asked for when the call came here
        if key is not None:
            headers.append(key_header(host, self.dialect, key, target.base_url or "", self._keyed_by()))
        return flavour.Request(
            "POST",
            self._url,
            params=[*self._written.query, *host.query] or None,
            headers=[*headers, *host.headers],
            content=self.body,
            extensions=dict(prepared.request.extensions),
        )

    def _keyed_by(self) -> dict[bytes, bytes]:
        """The headers of a client of this dialect and version, as far as they say where its key stands."""
        old = any(value == _OLD_KEYS for _, value in self._written.headers)
        return {b"x-api-key": b""} if old else {}

    def sent(self, port: HttpPort, request: Any) -> Other:
        """What was sent, as if the program itself spoke the target's dialect: its answer is judged so."""
        asked = port.prepared.facts
        facts = Facts(self.endpoint.family, asked.operation, self._model, asked.host)
        streams = asks_for_stream(self.body)
        prepared = Prepared(request, {}, self.body, None, self.dialect, self.endpoint, False, facts, streams)
        return Other(self, port.beside(prepared))

    # What comes back

    def reply(self, call: Call, reply: Reply, port: HttpPort) -> None:
        """Turn a plain answer, which has been read and judged.

        Raises:
            Failure: it says what the caller's dialect cannot.
        """
        ours, theirs = self._for.pair
        response = reply.value
        content: bytes = response.content
        try:
            answer = ours.write_answer(theirs.read_answer(json.loads(content)), self._for.asked)
        except Untranslatable as error:
            raise port.broken(call, f"it cannot be told in the caller's dialect: {error}") from None
        except OTHER_SCHEMA:
            raise port.broken(call, "it has another schema") from None
        body = json.dumps(answer, separators=(",", ":")).encode()
        elapsed = response.elapsed.total_seconds()
        whole(response, body, port.flavour, elapsed, packed=False)
        self.marked(response, "application/json")
        response.headers["content-length"] = str(len(body))
        response.json = ParsedOnce(body, answer)
        prepared = port.prepared
        reply.ids = prepared.dialect.made(prepared.facts.family, answer)

    def failure(self, failure: Failure) -> Failure:
        """Put a failure's answer into the caller's dialect: its SDK makes its own exception of it."""
        answer = failure.answer
        if not isinstance(answer, Answer) or is_event_stream(answer):
            return failure
        if answer.status < 400:  # what fails inside an answer has no form of its own in every dialect
            failure.answer = None
            return failure
        ours, theirs = self._for.pair
        try:
            words = theirs.read_error(json.loads(answer.body))
        except OTHER_SCHEMA:
            words = None
        body = ours.write_error(answer.status, failure.kind, words or f"HTTP {answer.status}")
        headers = [
            (name, value) for name, value in answer.headers if name.lower().decode("latin-1") not in _OF_THE_BODY
        ]
        headers.append((b"content-type", b"application/json"))
        headers += self._known_by({name.lower(): value for name, value in headers})
        encoded = json.dumps(body, separators=(",", ":")).encode()
        failure.answer = Answer(answer.status, tuple(headers), encoded, self._for.id_header)
        return failure

    def marked(self, response: Any, content_type: str) -> None:
        """Say on a response what its body is by now, and by what its request is known to the caller's SDK."""
        headers = response.headers
        for name in _OF_THE_BODY:
            headers.pop(name, None)
        headers["content-type"] = content_type
        known = {self.dialect.request_id: headers.get(self.dialect.request_id.decode(), "").encode("latin-1")}
        for field, value in self._known_by(known):
            headers[field.decode()] = value.decode("latin-1")

    def _known_by(self, headers: dict[bytes, bytes]) -> list[tuple[bytes, bytes]]:
        theirs, ours = self.dialect.request_id, self._for.id_header
        return [(ours, headers[theirs])] if theirs != ours and headers.get(theirs) else []

    def turn(self, *, bare: bool) -> StreamTurn:
        """What turns a stream of the target's; ``bare``: its host leaves out what ends a chat's."""
        pair = self._for.pair
        unended = bare and self.endpoint.family == "chat"
        grammar = UNTERMINATED_CHAT if unended else self.dialect.streams[self.endpoint.family]
        return StreamTurn(pair, grammar, self._for.asked, self.dialect.told_in_stream, unended=unended)


class Other(NamedTuple):
    """An attempt in another dialect.

    Attributes:
        form: what was sent.
        side: the surface as if the program itself spoke that dialect: the answer is judged there.
    """

    form: Translated
    side: HttpPort


def translated(port: HttpPort, target: Target) -> Translated | str:
    """The request in the dialect of a target that does not speak the caller's; or why it cannot be carried over.

    Args:
        port: of the request.
        target: it fits.
    """
    prepared = port.prepared
    spoken, host = target.dialect or "", host_of(target)
    pair = translation(prepared.dialect.name, prepared.facts.family, spoken)
    assert pair is not None, "only where it fits"
    able = capabilities_at(target, prepared.facts.model)
    dialect, lost = DIALECTS[TONGUES[spoken].dialect], loss(port)
    try:
        asked = Asked(json.loads(prepared.body or b""), prepared.facts.model or "", port.streamed)
        request = pair.ours.read_request(asked, lost)
        model = request.model = target.model or request.model
        written = pair.theirs.write_request(request, lost, None if able is None else able.output)
        told = json.dumps(written.body, separators=(",", ":"), allow_nan=False)
        body = fitted(told.encode(), host, target.vendor, lost)
        endpoint = dialect.endpoint("POST", f"/{written.path}")
        url = url_at(host, target.base_url or "", endpoint, model, stream=asked.stream)
    except Untranslatable as error:
        return str(error)
    except OTHER_SCHEMA:
        return "the request has another schema than its dialect"
    dropped = tuple(dict.fromkeys(lost.noted)) if isinstance(lost, dropping) else ()
    answers = _Answers(pair, asked, prepared.dialect.request_id)
    return Translated(dialect, endpoint, body, dropped, url, written, model, answers)


def host_of(target: Target) -> Host:
    """What is known of a target's host."""
    return target.host if isinstance(target.host, Host) else PLAIN
