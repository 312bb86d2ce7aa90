"""The simulator: local AI providers on real sockets that fail as asked, for tests and drills.

Importing this starts nothing and imports neither pytest nor an SDK; `resilient_ai.testing.plugin` is the pytest side.
"""

from .faults import Fault, Quota
from .records import DEFAULT_MODELS, FAMILIES, Provider, Request
from .simulator import SimulatedProvider, Simulator, SimulatorError
from .timeline import Event, Timeline

__all__ = [
    "DEFAULT_MODELS",
    "FAMILIES",
    "Event",
    "Fault",
    "Provider",
    "Quota",
    "Request",
    "SimulatedProvider",
    "Simulator",
    "SimulatorError",
    "Timeline",
]
