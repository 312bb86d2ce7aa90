"""What a storm does to callers and to providers: `python -m benchmarks.storms [NAME…] [--short]`.

Named storms over real sockets, through the real SDK, against the simulator; each prints its figures and whether they
are as they must be. The exit code is 1 if one is not. What a time is scaled by is said where it is.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING

from ._storm_cancel import cancel
from ._storm_faults import faults
from ._storm_harm import harm
from ._storm_kit import Storm
from ._storm_leave import browsers, leave
from ._storm_many import many
from ._storm_mute import mute
from ._storm_patience import patience
from ._storm_small import small_fallback
from ._storm_thin import thin

if TYPE_CHECKING:
    from collections.abc import Callable

STORMS: dict[str, Callable[..., None]] = {
    "harm": harm,
    "thin": thin,
    "mute": mute,
    "patience": patience,
    "small-fallback": small_fallback,
    "cancel": cancel,
    "faults": faults,
    "many": many,
    "leave": leave,
    "browsers": browsers,
}


def main() -> int:
    """Run those named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(STORMS)}; by default all")
    parser.add_argument("--short", action="store_true", help="a few seconds each, with generous limits")
    said = parser.parse_args()
    if unknown := set(said.names) - set(STORMS):
        parser.error(f"no such storm: {', '.join(sorted(unknown))}")
    failed = 0
    for name in said.names or STORMS:
        began = time.monotonic()
        print(name, flush=True)
        storm = Storm(name)
        STORMS[name](storm, short=said.short)
        failed += len(storm.failed)
        print(f"  ({time.monotonic() - began:.0f} s)\n", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
