"""A target's own proxy, authority and client certificate: its way, and nobody else's."""

from __future__ import annotations

import pickle
import ssl
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openai
import pytest

from resilient_ai import Pipeline, Retry, Target, outcome, wrap
from resilient_ai.errors import ConfigurationError
from resilient_ai.hosts import HttpSettings
from resilient_ai.testing import Fault
from resilient_ai.transports import _ways

from .modes import Mode, chat, close, everything, modes, notes, two_modes
from .proxy import proxy
from .strict import Strict, chat_answer

if TYPE_CHECKING:
    from collections.abc import Callable

trustme = pytest.importorskip("trustme")
KEY = "sk-of-the-fallback"


class Authority:
    """An authority of a company's own, a server's context, and a client's certificate and key as files."""

    def __init__(self, folder: Path) -> None:
        ca = trustme.CA()
        self.ca, self.cert, self.key = (str(folder / name) for name in ("ca.pem", "client.pem", "client.key"))
        ca.cert_pem.write_to_path(self.ca)
        client = ca.issue_cert("batch@company.example", common_name="batch")
        client.cert_chain_pems[0].write_to_path(self.cert)
        client.private_key_pem.write_to_path(self.key)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert("127.0.0.1").configure_cert(self.tls)
        ca.configure_trust(self.tls)
        self.tls.verify_mode = ssl.CERT_REQUIRED
        self.proxy = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert("127.0.0.1").configure_cert(self.proxy)


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("company"))


def once() -> Pipeline:
    return Pipeline.default(Retry(attempts=1), isolated=True)


def at(server: Strict, http: HttpSettings | None, name: str = "inner") -> Target:
    return Target(f"{name}:m", base_url=f"{server.url}/v1", api_key=KEY, http=http)


@modes
def test_its_own_authority_and_certificate(mode: Mode, primary: Any, company: Authority) -> None:
    """A server that only knows its company's clients is reached by the target with the settings, and by no other."""
    ours = HttpSettings(verify=company.ca, cert=(company.cert, company.key))

    async def script() -> None:
        client = wrap(mode.openai(primary), once(), fallback=[at(server, None, "bare"), at(server, ours)])
        assert outcome(await chat(client)).answered_by == "primary"
        primary.fault(Fault.status(503))
        answer = await chat(client)
        assert outcome(answer).attempts[1].startswith("bare:m: unreachable")
        assert outcome(answer).answered_by == "inner:m"
        assert len(await everything(await chat(client, stream=True))) == 2
        await close(client)

    def play(seen: Any) -> Any:
        status, kind, answer = chat_answer(seen)
        return status, kind, answer + (b"data: [DONE]\n\n" if "event" in kind else b"")

    with Strict(play, tls=company.tls) as server:
        mode.run(script)
    assert [dict(one[0] for one in peer["subject"])["commonName"] for peer in server.peers] == ["batch"] * 2


@two_modes
@pytest.mark.parametrize("verify", ["folder", "context", "nobody"])
def test_other_ways_to_say_whom_to_trust(mode: Mode, primary: Any, company: Authority, verify: str) -> None:
    context = ssl.create_default_context(cafile=company.ca)
    context.load_cert_chain(company.cert, company.key)
    both = Path(company.ca).parent / "both.pem"
    both.write_text(Path(company.cert).read_text() + Path(company.key).read_text())
    ways = {
        "folder": HttpSettings(verify=company.ca, cert=str(both)),
        "context": HttpSettings(verify=context),
        "nobody": HttpSettings(verify=False, cert=(company.cert, company.key)),
    }

    async def script() -> None:
        client = wrap(mode.openai(primary), once(), fallback=[at(server, ways[verify])])
        primary.fault(Fault.status(503))
        assert outcome(await chat(client)).answered_by == "inner:m"
        await close(client)

    with Strict(chat_answer, tls=company.tls) as server:
        mode.run(script)


@modes
def test_its_own_proxy(mode: Mode, primary: Any, backup: Any, company: Authority) -> None:
    """The primary never goes through it, nor what it is told; TLS goes through it unread."""

    async def script(url: str) -> None:
        plain = HttpSettings(proxy=url.replace("//", "//user:canary-77@"))
        tunnel = HttpSettings(proxy=url, verify=company.ca, cert=(company.cert, company.key))
        targets = [Target("backup:*", base_url=backup.base_url, api_key=backup.key, http=plain), at(server, tunnel)]
        client = wrap(mode.openai(primary), once(), fallback=targets)
        assert outcome(await chat(client)).answered_by == "primary"
        primary.fault(Fault.status(503))
        assert outcome(await chat(client)).answered_by == "backup:*"
        backup.fault(Fault.status(503))
        assert outcome(await chat(client)).answered_by == "inner:m"
        await close(client)

    with Strict(chat_answer, tls=company.tls) as server, proxy() as through:
        mode.run(script, through.url)
    first, *_, last = through.seen
    assert first == f"POST {backup.base_url}/chat/completions"
    assert last == f"CONNECT {server.url.removeprefix('https://')}"
    assert all(b"proxy-authorization: basic" in head.lower() for head in through.heads[:-1])
    assert b"proxy-authorization" not in through.heads[-1].lower()
    assert KEY.encode() not in b"".join(through.heads)
    assert not any(primary.saw(word) or backup.saw(word) for word in ("canary-77", "proxy-authorization"))


@two_modes
def test_a_proxy_that_speaks_tls_itself(mode: Mode, primary: Any, company: Authority) -> None:
    """It is held to the company's authority, too."""

    async def script(url: str) -> None:
        way = HttpSettings(proxy=url, verify=company.ca, cert=(company.cert, company.key))
        client = wrap(mode.openai(primary), once(), fallback=[at(server, way)])
        primary.fault(Fault.status(503))
        assert outcome(await chat(client)).answered_by == "inner:m"
        await close(client)

    with Strict(chat_answer, tls=company.tls) as server, proxy(company.proxy) as through:
        mode.run(script, through.url)
    assert through.seen == [f"CONNECT {server.url.removeprefix('https://')}"]


@two_modes
def test_nothing_is_taken_from_the_client_or_its_environment(
    mode: Mode, primary: Any, backup: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reverse: the client's own proxy is not the target's."""

    async def script(url: str) -> None:
        monkeypatch.setenv("HTTP_PROXY", url)
        target = Target("backup:*", base_url=backup.base_url, api_key=backup.key, http=HttpSettings())
        client = wrap(mode.openai(primary), once(), fallback=[target])
        primary.fault(Fault.status(503))
        assert outcome(await chat(client)).answered_by == "backup:*"
        await close(client)

    with proxy() as through:
        mode.run(script, through.url)
    assert [line.split("/")[2] for line in through.seen] == [primary.origin.split("/")[2]]


def soon(happens: Callable[[], bool]) -> None:
    """A server hears of a closed connection a moment later."""
    until = time.monotonic() + 10
    while not happens():
        assert time.monotonic() < until
        time.sleep(0.01)


@modes
def test_one_pool_for_equal_settings_closed_with_the_client(mode: Mode, primary: Any, backup: Any) -> None:
    async def script() -> None:
        targets = [
            Target(f"backup{number}:gpt-4.1", base_url=backup.base_url, api_key=backup.key, http=HttpSettings())
            for number in range(2)
        ]
        client = wrap(mode.openai(primary), once(), fallback=targets)
        other = wrap(mode.openai(primary), once(), fallback=targets)
        primary.fault(Fault.status(503))
        for _ in range(3):
            await chat(client)
        assert (backup.connections, backup.open_connections) == (1, 1)
        backup.fault(Fault.status(503, count=1))
        assert outcome(await chat(client)).answered_by == "backup1:gpt-4.1"
        assert backup.connections == 1
        await chat(other)
        assert backup.connections == 2
        await close(client)
        assert str(outcome(await chat(other)).answered_by).startswith("backup")
        assert backup.connections == 2
        soon(lambda: backup.open_connections == 1)
        await close(other)

    mode.run(script)
    soon(lambda: backup.open_connections == 0)


@two_modes
def test_an_authority_that_is_not_the_server_s(mode: Mode, primary: Any, company: Authority, tmp_path: Path) -> None:
    stranger = Authority(tmp_path)

    async def script() -> None:
        client = wrap(mode.openai(primary), once(), fallback=[at(server, HttpSettings(verify=stranger.ca))])
        primary.fault(Fault.status(503))
        with pytest.raises(openai.APIConnectionError) as caught:
            await chat(client)
        assert "inner:m: unreachable" in notes(caught.value)
        await close(client)

    with Strict(chat_answer, tls=company.tls) as server:
        mode.run(script)
    assert server.seen == []


SECRET = "canary-9b"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"proxy": f"ftp://u:{SECRET}@proxy"}, "proxy=…"),
        ({"proxy": f"http://u:{SECRET}@:80"}, "proxy=…"),
        ({"proxy": f"http://u:{SECRET}@proxy:http"}, "proxy=…"),
        ({"proxy": 7}, "proxy=…"),
        ({"verify": ""}, "verify=…"),
        ({"verify": None}, "verify=…"),
        ({"cert": ("a",)}, "cert=…"),
        ({"cert": ("a", "b", SECRET, "d")}, "cert=…"),
        ({"cert": 7}, "cert=…"),
        ({"verify": ssl.create_default_context(), "cert": "a"}, "load_cert_chain"),
    ],
)
def test_settings_that_cannot_be(said: Any, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told) as caught:
        HttpSettings(**said)
    assert SECRET not in str(caught.value)


def test_that_nobody_is_verified_is_told_once(primary: Any, caplog: pytest.LogCaptureFixture) -> None:
    target = Target("open:m", base_url="https://inner/v1", api_key=KEY, http=HttpSettings(verify=False))
    for _ in range(2):
        wrap(openai.OpenAI(api_key="k", base_url=primary.base_url), fallback=[target]).close()
    assert caplog.text.count("open:m: verify=False") == 1


def test_files_are_read_when_the_client_is_wrapped(primary: Any, company: Authority, tmp_path: Path) -> None:
    (tmp_path / "no.pem").write_text("no certificate")
    for http in (
        HttpSettings(verify=str(tmp_path / "gone.pem")),
        HttpSettings(verify=str(tmp_path / "no.pem")),
        HttpSettings(cert=str(tmp_path / "gone.pem")),
        HttpSettings(cert=(company.cert, str(tmp_path / "no.pem"), SECRET)),
    ):
        target = Target("inner:m", base_url="https://inner/v1", api_key=KEY, http=http)
        with pytest.raises(ConfigurationError, match="inner:m: its verify= or cert= cannot be used") as caught:
            wrap(openai.OpenAI(api_key="k", base_url=primary.base_url), fallback=[target])
        assert SECRET not in str(caught.value)
    with pytest.raises(ConfigurationError, match="http is an HttpSettings, got dict"):
        Target("a:b", http={"verify": False})  # type: ignore[arg-type]  # wrong on purpose


def test_a_certificate_that_was_renewed_is_read_again(primary: Any, company: Authority, tmp_path: Path) -> None:
    """A client for each call reads its files once, until they are other ones."""
    _ways.loaded.cache_clear()
    pem = tmp_path / "ca.pem"
    pem.write_bytes(Path(company.ca).read_bytes())
    target = Target("inner:m", base_url="https://inner/v1", api_key=KEY, http=HttpSettings(verify=str(pem)))
    for _ in range(3):
        wrap(openai.OpenAI(api_key="k", base_url=primary.base_url), fallback=[target]).close()
    assert _ways.loaded.cache_info().misses == 1
    pem.write_bytes(Path(company.ca).read_bytes() + b"\n")
    wrap(openai.OpenAI(api_key="k", base_url=primary.base_url), fallback=[target]).close()
    assert _ways.loaded.cache_info().misses == 2


def test_no_secret_is_shown_or_written_down() -> None:
    http = HttpSettings(proxy=f"http://u:{SECRET}@proxy:3128", cert=("a", "b", SECRET))
    target = Target("inner:m", base_url="https://inner/v1", http=http)
    assert SECRET not in repr(http) + repr(target) + str(target.identity) + str(target.place)
    with pytest.raises(TypeError, match="http settings hold a password"):
        pickle.dumps(target)
    plain = Target("inner:m", base_url="https://inner/v1", http=HttpSettings(proxy="http://proxy:3128"), host="vllm")
    assert pickle.loads(pickle.dumps(plain)) == plain
    assert plain.identity != Target("inner:m", base_url="https://inner/v1").identity
