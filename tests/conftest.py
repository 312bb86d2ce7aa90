"""Tests see the environment of a fresh machine, whatever the developer's own says."""

import os

from hypothesis import HealthCheck, settings

# How long an example takes to be made says how busy the machine is.
settings.register_profile("ours", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ours")

pytest_plugins = ["resilient_ai.testing.plugin"]  # also from a checkout that is not installed

OURS = ("RESILIENT_AI", "OPENAI_", "AZURE_OPENAI_", "BACKUP_")

for name in list(os.environ):
    if name.startswith(OURS) or name.upper().endswith("_PROXY"):
        del os.environ[name]
