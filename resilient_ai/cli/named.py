"""What stands in a program, by the name of its module and its own: ``package.module:name``."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from ..errors import ConfigurationError

__all__ = ["named"]


def named(source: str) -> Any:
    """The thing that ``--from`` names; the program is looked for where the command is called, too.

    Raises:
        ConfigurationError: it cannot be imported.
    """
    module, colon, name = source.partition(":")
    if not (module and colon and name):
        raise ConfigurationError(f"--from is package.module:name, got {source!r}")
    sys.path.insert(0, str(Path.cwd()))  # as `python -m` does: the program is where it is called
    try:
        thing: Any = importlib.import_module(module)
        for part in name.split("."):
            thing = getattr(thing, part)
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(f"--from {source}: {error}") from error
    finally:
        sys.path.pop(0)
    return thing
