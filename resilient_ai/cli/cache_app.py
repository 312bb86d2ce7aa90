"""The commands of `resilient-ai cache` and their arguments."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  # typer reads the annotations
from typing import Annotated

import typer

__all__ = ["cache_app"]

cache_app = typer.Typer(help="Look into a store of answers, and erase from it.", no_args_is_help=True)

Where = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="PATH_OR_URL",
        envvar="RESILIENT_AI_STORE",
        show_envvar=True,
        help="The file, or redis://host:port/0. Default: cache.sqlite3 in the user's state folder.",
    ),
]


@cache_app.command()
def stats(store: Where = None) -> None:
    """How many answers are kept, how large and how old; by family and model."""
    from . import cache

    raise typer.Exit(cache.ended(cache.stats(store)))


@cache_app.command("list")
def list_(
    store: Where = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="Show so many at most.")] = 50,
) -> None:
    """One line for each answer: its key, when it was stored, its size, its family and model. No words of it."""
    from . import cache

    raise typer.Exit(cache.ended(cache.list_(store, limit)))


@cache_app.command()
def get(key: Annotated[str, typer.Argument(metavar="KEY", help="As `list` shows it.")], store: Where = None) -> None:
    """Print one answer as it is kept."""
    from . import cache

    raise typer.Exit(cache.ended(cache.get(store, key)))


@cache_app.command()
def purge(
    store: Where = None,
    namespace: Annotated[str | None, typer.Option(metavar="NAME", help="Kept in this namespace.")] = None,
    subject: Annotated[str | None, typer.Option(metavar="NAME", help="Kept as speaking of this subject.")] = None,
    before: Annotated[
        str | None, typer.Option(metavar="WHEN", help="Stored before a date (2026-11-01) or longer ago than (7d).")
    ] = None,
) -> None:
    """Erase answers, so that no byte is left of them. All that is given must hold."""
    from . import cache

    raise typer.Exit(cache.ended(cache.purge(store, namespace, subject, before)))


@cache_app.command()
def clear(store: Where = None) -> None:
    """Erase all answers."""
    from . import cache

    raise typer.Exit(cache.ended(cache.clear(store)))


@cache_app.command()
def warm(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help='Requests, one a line: {"path": "/chat/completions", "body": {…}}.',
            exists=True,
            dir_okay=False,
        ),
    ],
    source: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="MODULE:NAME",
            help="Your program's wrapped client, or a function that makes it; its Cache has a store of its own.",
        ),
    ],
) -> None:
    """Ask each request once, so that its answer is kept; what has a fresh answer is not asked for."""
    from .warm import warm_from

    raise typer.Exit(warm_from(file, source))


@cache_app.command()
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file, for its owner alone.")], store: Where = None
) -> None:
    """Write every answer, in the clear, with what another store needs to serve it."""
    from . import cache

    raise typer.Exit(cache.ended(cache.export(store), out=file))


@cache_app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `export` wrote.", exists=True, dir_okay=False)],
    store: Where = None,
) -> None:
    """Read answers that another store had, into one that is empty or had them before."""
    from . import cache

    raise typer.Exit(cache.ended(cache.import_(store, file)))
