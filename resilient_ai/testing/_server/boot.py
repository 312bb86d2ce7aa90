"""Where the simulator's process begins: run as a file, without the site directory and without the library.

The packages above this one are stood in for by empty ones, so that starting takes a tenth of a second, needs nothing
installed, and a fault in the library under test cannot reach the provider it is tested against.
"""

import sys
import types
from pathlib import Path

_HERE = Path(__file__).resolve().parent


def _stand_in(name: str, folder: Path) -> None:
    package = types.ModuleType(name)
    package.__path__ = [str(folder)]
    sys.modules[name] = package


if __name__ == "__main__":
    _stand_in("resilient_ai", _HERE.parent.parent)
    _stand_in("resilient_ai.testing", _HERE.parent)
    from resilient_ai.testing._server.app import main

    main()
