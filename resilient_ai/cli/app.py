"""The commands and their arguments."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path  # noqa: TC003  # typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from .cache_app import cache_app

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["run"]

app = typer.Typer(
    name="resilient-ai",
    help="One line around an AI client keeps its calls alive while the provider is down.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(cache_app, name="cache")


def run(arguments: Sequence[str] | None) -> int:
    """Run the command that is asked for; its exit code."""
    try:
        app(args=arguments, prog_name="resilient-ai")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _version(wanted: bool) -> None:
    if wanted:
        try:
            version = metadata.version("resilient-ai")
        except metadata.PackageNotFoundError:  # run from a checkout
            version = "(not installed)"
        typer.echo(f"resilient-ai {version}")
        raise typer.Exit


def _clash(context: typer.Context) -> str | None:
    """What is wrong with the words that were given together: one of them would have no effect."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    given = {name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"}
    if "list_" in given and len(given) > 1:
        return "--list takes nothing else"
    for name in ("require_answered", "cache", "calls_per_second"):
        if {name, "run"} <= given:
            return f"--{name.replace('_', '-')} is about the drill's own calls: --run takes none"
    return None


@app.callback()
def _root(  # pyright: ignore[reportUnusedFunction]  # typer holds on to it
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    del version  # the callback has acted on it


@app.command()
def drill(  # noqa: PLR0917  # typer hands them in by name
    context: typer.Context,
    timeline: Annotated[
        str, typer.Argument(metavar="NAME_OR_FILE", help="A packaged timeline (see --list), or a TOML file.")
    ] = "2024-12-26",
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write all figures here.")] = None,
    require_answered: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            min=0,
            max=1,
            help="Exit with 1 if the wrapped client answered less of the affected stateless calls (e.g. 0.999).",
        ),
    ] = None,
    run: Annotated[
        str | None,
        typer.Option(metavar="COMMAND", help="Replay the outage to your own program instead, e.g. 'pytest tests'."),
    ] = None,
    calls_per_second: Annotated[
        float | None, typer.Option(metavar="N", help="Calls a second for each family. Default: the timeline's.")
    ] = None,
    scale: Annotated[float, typer.Option(metavar="F", help="Stretch the timeline's seconds by this.")] = 1.0,
    seed: Annotated[int, typer.Option(metavar="N", help="Of all random numbers: faults and arrivals.")] = 1,
    cache: Annotated[bool, typer.Option("--cache", help="Give the wrapped side Cache(stale_if_error=3600).")] = False,
    time_limit: Annotated[
        float, typer.Option(metavar="SECONDS", min=1, help="End the program of --run after this.")
    ] = 600.0,
    list_: Annotated[bool, typer.Option("--list", help="Print the packaged timelines and end.")] = False,
) -> None:
    """Replay an outage against the bare OpenAI SDK and the wrapped one, side by side, on local sockets.

    No key, no account, no network: a simulator plays the provider and a second one beside it.
    """
    from . import drill as command
    from .plan import Wanted
    from .show import complain

    if clash := _clash(context):
        raise typer.Exit(complain(clash))
    if list_:
        raise typer.Exit(command.list_timelines())
    wanted = Wanted(
        timeline=timeline,
        rate=calls_per_second,
        scale=scale,
        seed=seed,
        cache=cache,
        json=json,
        require_answered=require_answered,
    )
    if run is None:
        raise typer.Exit(command.compare(wanted))
    raise typer.Exit(command.subject(wanted, run, time_limit=time_limit))


@app.command()
def check(  # noqa: PLR0917  # typer hands them in by name
    targets: Annotated[list[str] | None, typer.Argument(metavar="VENDOR:MODEL", help="Whom to ask.")] = None,
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="MODULE:NAME", help="A wrapped client, a Pipeline, a Fallback or targets."),
    ] = None,
    needs: Annotated[
        str, typer.Option(metavar="LIST", help="What they must do: tools, schema, stream; '' for none of it.")
    ] = "tools,schema,stream",
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="For targets that keep the caller's model (vendor:*).")
    ] = None,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", min=0.1, max=600, help="For each call.")] = 30.0,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write what was found here.")] = None,
) -> None:
    """Ask every target once, by one small call that costs next to nothing: key, model, tools, schema, stream.

    Exits with 1 if one of them could not stand in, for CI and cron: a backup that is never called rots.
    """
    from . import check as command

    raise typer.Exit(command.check(targets or [], source, needs=needs, model=model, seconds=timeout, out=json))
