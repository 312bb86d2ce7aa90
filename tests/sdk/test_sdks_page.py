"""The Python of docs/sdks.md runs as printed, each SDK's where it is installed."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from resilient_ai.testing import Provider, Simulator
from tests.source import ROOT
from tests.test_docs import blocks

from .modes import SDK_FLAVOUR
from .sdks import installed

PAGE = ROOT / "docs" / "sdks.md"
PROGRAMS: dict[str, str] = {}
for block in blocks(PAGE):
    if block.info.startswith("python sdk="):
        named = block.info.partition("=")[2]
        PROGRAMS[named] = "\n".join([PROGRAMS.get(named, ""), *block.lines, ""])


@pytest.mark.parametrize("sdk", PROGRAMS)
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # the page closes nothing
def test_the_page_s_python_runs(sdk: str, simulator: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against the simulator as against the vendor."""
    if not installed(sdk):
        pytest.skip(f"{sdk} is not installed")
    program = compile(PROGRAMS[sdk].replace("httpx2", SDK_FLAVOUR), str(PAGE), "exec")
    with Simulator(*(Provider(name, dialect=name) for name in ("anthropic", "gemini"))) as others:
        one, two, openai = others["anthropic"], others["gemini"], simulator["primary"]
        world = {"ANTHROPIC_API_KEY": one.key, "ANTHROPIC_BASE_URL": one.origin}
        world |= {"OTHER_API_KEY": one.key, "OTHER_BASE_URL": one.origin}
        world |= {"GEMINI_API_KEY": two.key, "GOOGLE_GEMINI_BASE_URL": two.origin}
        world |= {"OPENAI_API_KEY": openai.key, "OPENAI_BASE_URL": openai.base_url}
        for name, value in world.items():
            monkeypatch.setenv(name, value)
        exec(program, {})
        gc.collect()
