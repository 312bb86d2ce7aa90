"""Tests see the environment of a fresh machine, whatever the developer's own says."""

import os
from pathlib import Path

from hypothesis import HealthCheck, settings

# How long an example takes to be made says how busy the machine is. The long form (docs/promises.md) has more of them.
examples = 500 if os.environ.get("SOAK") else 60
settings.register_profile("ours", max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ours")

pytest_plugins = ["resilient_ai.testing.plugin"]  # also from a checkout that is not installed

OURS = ("RESILIENT_AI", "OPENAI_", "AZURE_OPENAI_", "BACKUP_")

for name in list(os.environ):
    if name.startswith(OURS) or name.upper().endswith("_PROXY"):
        del os.environ[name]

# A client loads every authority of the world into its TLS context, 60 ms of each test; here nothing speaks TLS but with
# a server of the tests'.
os.environ["SSL_CERT_FILE"] = str(Path(__file__).parent / "transports" / "localhost.pem")
