"""Who signs for Amazon and for Google: their own libraries, by the credentials those find."""

from __future__ import annotations

import importlib
import os
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Aws", "Google"]

_REGION = re.compile(r"\.([a-z]{2,4}(?:-[a-z]+)+-\d)\.")
"""An AWS region within a host's name."""
_SIGNED = ("Authorization", "X-Amz-Date", "X-Amz-Security-Token")
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"


def _module(name: str) -> Any:
    """A module of an extra, which need not be installed where this is checked. (Half of them have no types.)"""
    return importlib.import_module(name)


class Aws:
    """Signs by botocore (Signature Version 4), at each send: with a fresh date, and with credentials that botocore
    renews. Needs the extra ``bedrock``.

    Args:
        session: a ``botocore.session.Session``, e.g. of another account. Default: botocore's own search (environment,
            profile, container, instance).
        region: Default: the one in the URL's host, else ``AWS_REGION``, else the session's.
        service: the name that the service signs by.
    """

    __slots__ = ("_credentials", "_region", "_service", "_session")

    def __init__(self, session: Any = None, *, region: str | None = None, service: str = "bedrock") -> None:
        self._session = session
        self._region = region
        self._service = service
        self._credentials: Any = None

    def sign(self, *, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:
        """The headers of the signature.

        Raises:
            LookupError: there are no credentials, or no region.
        """
        credentials = self._found()
        told = {"content-type": headers["content-type"]} if "content-type" in headers else {}
        request = _module("botocore.awsrequest").AWSRequest(method=method, url=url, data=body, headers=told)
        _module("botocore.auth").SigV4Auth(credentials, self._service, self._where(url)).add_auth(request)
        return {name: request.headers[name] for name in _SIGNED if name in request.headers}

    def _found(self) -> Any:
        """The credentials as they are now; found once, renewed by botocore."""
        credentials = self._credentials
        if credentials is None:
            if self._session is None:
                self._session = _module("botocore.session").Session()
            credentials = self._credentials = self._session.get_credentials()
        if credentials is None:
            raise LookupError("botocore finds no credentials")
        return credentials.get_frozen_credentials()

    def _where(self, url: str) -> str:
        found = _REGION.search(url.partition("//")[2].partition("/")[0])
        region = self._region or (found and found[1]) or os.environ.get("AWS_REGION")
        region = region or self._session.get_config_variable("region")
        if not region:
            raise LookupError("no region in the URL, and none of the session's")
        return str(region)


class Google:
    """Gives a token by google-auth, which renews it. Needs the extra ``vertex``.

    Args:
        credentials: a ``google.auth.credentials.Credentials``. Default: the application's default credentials.
    """

    __slots__ = ("_credentials", "_request")

    def __init__(self, credentials: Any = None) -> None:
        self._credentials = credentials
        self._request: Any = None

    def sign(self, *, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:  # noqa: ARG002  # a Signer's
        """The token's header, and the project's that pays."""
        if self._credentials is None:
            self._credentials, _ = _module("google.auth").default(scopes=[_SCOPE])
        if self._request is None:
            self._request = _module("google.auth.transport.requests").Request()
        told: dict[str, str] = {}
        self._credentials.before_request(self._request, method, url, told)
        return told
