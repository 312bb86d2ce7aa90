"""Where a client points: what it was made with."""

from __future__ import annotations

from typing import Any

from ..transports._private import API_CLIENT, CLIENT_WRAPPER, HTTP_CLIENT, HTTP_OPTIONS

__all__ = ["of_cohere", "of_genai", "of_mistral", "of_ollama", "of_other"]


def of_other(client: Any) -> str | None:
    """Of Stainless's clients, and of the http clients: theirs may be none, and then each request says where it goes."""
    return str(client.base_url) or None


def of_genai(client: Any) -> str | None:
    """Of google-genai's."""
    url: str | None = getattr(getattr(client, API_CLIENT), HTTP_OPTIONS).base_url
    return url


def of_mistral(client: Any) -> str | None:
    """Of mistralai's."""
    url: str = client.sdk_configuration.get_server_details()[0]
    return url


def of_cohere(client: Any) -> str | None:
    """Of cohere's."""
    url: str = getattr(client, CLIENT_WRAPPER).get_base_url()
    return url


def of_ollama(client: Any) -> str | None:
    """Of ollama's."""
    return of_other(getattr(client, HTTP_CLIENT))
