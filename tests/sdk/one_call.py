"""Calls in a process of their own, and what they cost: ``python -m tests.sdk.one_call URL sync|async json|stream …``.

Each is made to a URL of its own (/0, /1, …) in a fork of its own. What each raised, and by how many KiB its process has
grown at most, is written to standard output: a line of JSON for each.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
from typing import Any

import openai

from resilient_ai import Pipeline, Retry, wrap

HELLO: list[Any] = [{"role": "user", "content": "hello"}]


def peak() -> int:
    """The most memory this process has ever had, in KiB (on macOS in bytes)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1)


async def asked(client: Any, how: str) -> int:
    call: Any = client.chat.completions.create(model="m", messages=HELLO, stream=how == "stream")
    answer = await call if isinstance(client, openai.AsyncOpenAI) else call
    if how == "json":
        return len(answer.choices)
    if isinstance(client, openai.AsyncOpenAI):
        return len([chunk async for chunk in answer])
    return len(list(answer))


def run(client: Any, how: str) -> int:
    if isinstance(client, openai.AsyncOpenAI):
        return asyncio.run(asked(client, how))
    try:
        asked(client, how).send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("a sync call waited")


def main(url: str, mode: str, *calls: str) -> None:
    kind = openai.AsyncOpenAI if mode == "async" else openai.OpenAI

    def client(path: str) -> Any:  # no circuit: the next one is to be asked as well
        return wrap(kind(api_key="key", base_url=f"{url}/{path}"), Pipeline(Retry(attempts=3)))

    for how in ("json", "stream"):
        assert run(client("sound"), how) == 1  # all that is imported late is here
    for number, how in enumerate(calls):
        sys.stdout.flush()
        if os.fork():
            os.wait()
            continue
        before, error, notes = peak(), "", list[str]()
        try:
            run(client(str(number)), how)
        except Exception as raised:
            error = f"{type(raised).__module__}.{type(raised).__name__}"
            notes = [str(raised), *getattr(raised, "__notes__", ())]
        print(json.dumps({"error": error, "notes": notes, "grown": peak() - before}), flush=True)
        os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
