"""Which entries are to be erased."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .base import Entry


def checked(namespace: str | None, subject: str | None, before: float | None) -> None:
    """Whether it was said what is to be erased.

    Raises:
        ValueError: it was not.
    """
    if namespace is None and subject is None and before is None:
        raise ValueError("purge() wants a namespace, a subject or a moment; clear() forgets everything")


def meant(entry: Entry, *, namespace: str | None, subject: str | None, before: float | None) -> bool:
    """Whether everything that is given holds for ``entry``."""
    return (
        (namespace is None or entry.namespace == namespace)
        and (subject is None or entry.subject == subject)
        and (before is None or entry.stored < before)
    )
