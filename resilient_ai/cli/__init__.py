"""The command line: `resilient-ai`. What it needs beyond the library is the extra `cli`."""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

NEEDED = ("typer", "rich", "openai")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; what the console script `resilient-ai` calls.

    Args:
        arguments: the words after the command's name. Default: those of this process.

    Returns:
        The exit code: 0 done, 1 a required share was not reached, 2 wrong use, something is not installed or the
        file of --json cannot be written, 130 ended by Ctrl-C; with `drill --run`, the program's own.
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        sys.stderr.write(f'{", ".join(missing)} not installed: pip install "resilient-ai[cli]"\n')
        return 2
    from .app import run

    return run(arguments)
