"""The simulator: local AI providers on real sockets that fail as asked, for tests and drills.

Importing this starts nothing and imports neither pytest nor an SDK; `resilient_ai.testing.plugin` is the pytest side.
"""

from .faults import Fault
from .limits import Latency, Quota
from .records import DEFAULT_MODELS, FAMILIES, MODELS, Provider, Request, Tally
from .simulator import SimulatedProvider, Simulator, SimulatorError
from .timeline import Event, Timeline
from .vendor_errors import VendorError, vendor_errors

__all__ = [
    "DEFAULT_MODELS",
    "FAMILIES",
    "MODELS",
    "Event",
    "Fault",
    "Latency",
    "Provider",
    "Quota",
    "Request",
    "SimulatedProvider",
    "Simulator",
    "SimulatorError",
    "Tally",
    "Timeline",
    "VendorError",
    "vendor_errors",
]
