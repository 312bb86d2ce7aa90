"""The APIs we know, as data: where each stands, how it is asked, and what it makes of the fields of a request.

Each row says where that was read, and when. Fields are those of openai 3.54 and anthropic 2.12; a program's own fields
(``extra_body``) go through untouched. docs/hosts.md shows the table.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from .._host import Host
from ..errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["HOSTS", "add", "host_named"]

_CHAT = frozenset({"chat", "models"})
_TEXT = frozenset({"chat", "completions", "embeddings", "models"})
_CLAUDE = frozenset({"messages"})
_PENALTIES = frozenset({"frequency_penalty", "presence_penalty"})
_LOGPROBS = frozenset({"logprobs", "top_logprobs"})
_SOUND = frozenset({"audio", "modalities"})
_TELLING = frozenset({"metadata", "prompt_cache_key", "safety_identifier", "service_tier", "store", "user"})
"""What says nothing of the answer."""
_CACHING = frozenset({"prompt_cache_options", "prompt_cache_retention"})
_OPENAI_ONLY = _SOUND | {"function_call", "functions", "moderation", "prediction", "verbosity", "web_search_options"}
"""Fields of Chat Completions that hardly anybody else has."""

_LOCAL = Host(
    dialect="openai",
    families=_TEXT | {"responses"},
    ignores=_OPENAI_ONLY,
    checked="2026-11",
)

_GEMINI_KEYS = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
_AWS = "{AWS_REGION|AWS_DEFAULT_REGION}"
_VERTEX = (
    "https://{GOOGLE_CLOUD_LOCATION}-aiplatform.googleapis.com/v1"
    "/projects/{GOOGLE_CLOUD_PROJECT}/locations/{GOOGLE_CLOUD_LOCATION}"
)

_known: dict[str, Host] = {
    "anthropic": Host(
        base_url="https://api.anthropic.com",
        dialect="anthropic",
        variables=("ANTHROPIC_API_KEY",),
        source="anthropic-python 2.12",
        checked="2026-11",
    ),
    "anthropic-openai": Host(
        base_url="https://api.anthropic.com/v1",
        dialect="openai-chat",
        families=_CHAT,
        variables=("ANTHROPIC_API_KEY",),
        rejects=frozenset({"n"}),
        ignores=_PENALTIES
        | _LOGPROBS
        | _SOUND
        | _TELLING
        | {
            "logit_bias",
            "messages.*.name",
            "prediction",
            "reasoning_effort",
            "response_format",
            "seed",
            "tools.*.function.strict",
        },
        most_temperature=1.0,
        note="for tests and comparisons, says Anthropic; system messages are put together at the beginning",
        source="platform.claude.com/docs/en/cli-sdks-libraries/libraries/openai-sdk",
        checked="2026-11",
    ),
    "azure": Host(
        base_url="{AZURE_OPENAI_ENDPOINT}/openai/v1",
        variables=("AZURE_OPENAI_API_KEY",),
        auth="azure",
        note="the model is a deployment's name; a token of Entra comes from a callable",
        source="learn.microsoft.com/azure/foundry/openai/api-version-lifecycle",
        checked="2026-11",
    ),
    "azure-deployments": Host(
        base_url="{AZURE_OPENAI_ENDPOINT}",
        dialect="openai-chat",
        families=frozenset({"chat", "completions", "embeddings", "images", "audio"}),
        variables=("AZURE_OPENAI_API_KEY",),
        auth="azure",
        path="openai/deployments/{model}/{path}",
        query=(("api-version", "2024-10-21"),),
        note="the older URLs, with a dated version; another one by replace(host, query=…)",
        source="openai-python 3.54 (lib/azure.py); 2024-10-21 is the last dated version that is no preview",
        checked="2026-11",
    ),
    "bedrock": Host(
        base_url=f"https://bedrock-runtime.{_AWS}.amazonaws.com/openai/v1",
        families=frozenset({"chat", "responses"}),
        variables=("AWS_BEARER_TOKEN_BEDROCK",),
        auth="aws",
        note="which models are served so differs by region",
        source="docs.aws.amazon.com/bedrock/latest/userguide/inference-responses-api.html",
        checked="2026-11",
    ),
    "bedrock-anthropic": Host(
        base_url=f"https://bedrock-runtime.{_AWS}.amazonaws.com",
        dialect="anthropic",
        families=_CLAUDE,
        variables=("AWS_BEARER_TOKEN_BEDROCK",),
        auth="aws",
        path="model/{model}/invoke",
        stream_path="model/{model}/invoke-with-response-stream",
        wrapping="bedrock",
        note="streams come in Amazon's own framing, which is read",
        source="anthropic-python 2.12 (lib/bedrock)",
        checked="2026-11",
    ),
    "cerebras": Host(
        base_url="https://api.cerebras.ai/v1",
        dialect="openai-chat",
        families=frozenset({"chat", "completions", "models"}),
        variables=("CEREBRAS_API_KEY",),
        rejects=_PENALTIES | {"logit_bias", "parallel_tool_calls", "service_tier"},
        developer="system",
        source="inference-docs.cerebras.ai/resources/openai; the fields: hexdocs.pm/req_llm (cerebras)",
        checked="2026-11",
    ),
    "cohere": Host(
        base_url="https://api.cohere.com",
        dialect="cohere",
        variables=("CO_API_KEY", "COHERE_API_KEY"),
        source="cohere-python 7.3",
        checked="2026-11",
    ),
    "deepseek": Host(
        base_url="https://api.deepseek.com/v1",
        dialect="openai-chat",
        families=_CHAT,
        variables=("DEEPSEEK_API_KEY",),
        rejects=frozenset({"response_format.json_schema"}),
        ignores=_PENALTIES | _OPENAI_ONLY | {"logit_bias", "n", "parallel_tool_calls", "seed"},
        renames=(("max_completion_tokens", "max_tokens"),),
        developer="system",
        note="it thinks unless told not to; while it does, temperature and top_p do nothing either",
        source="api-docs.deepseek.com/guides/thinking_mode; the fields: docs.rs/deepseek-sdk 0.4",
        checked="2026-11",
    ),
    "deepseek-anthropic": Host(
        base_url="https://api.deepseek.com/anthropic",
        dialect="anthropic",
        families=_CLAUDE,
        variables=("DEEPSEEK_API_KEY",),
        ignores=frozenset(
            {"container", "mcp_servers", "output_config.format", "tool_choice.disable_parallel_tool_use", "top_k"}
        ),
        note="a name of Claude's is answered by a model of its own: name one of DeepSeek's, not '*'",
        source="api-docs.deepseek.com/guides/anthropic_api; the fields as they were in 2025",
        checked="2026-11",
    ),
    "fireworks": Host(
        base_url="https://api.fireworks.ai/inference/v1",
        variables=("FIREWORKS_API_KEY",),
        note="max_tokens is lowered where prompt and answer exceed the context; usage ends every stream",
        source="docs.fireworks.ai/tools-sdks/migrate-to-fireworks",
        checked="2026-11",
    ),
    "fireworks-anthropic": Host(
        base_url="https://api.fireworks.ai/inference",
        dialect="anthropic",
        families=_CLAUDE,
        variables=("FIREWORKS_API_KEY",),
        auth="bearer",
        note="it runs no server tools, and does not look at the version",
        source="docs.fireworks.ai/tools-sdks/migrate-to-fireworks",
        checked="2026-11",
    ),
    "gemini": Host(
        base_url="https://generativelanguage.googleapis.com",
        dialect="gemini",
        variables=_GEMINI_KEYS,
        source="google-genai 3.4",
        checked="2026-11",
    ),
    "gemini-openai": Host(
        base_url="https://generativelanguage.googleapis.com/v1beta/openai",
        dialect="openai-chat",
        families=frozenset({"chat", "embeddings", "images", "models"}),
        variables=_GEMINI_KEYS,
        rejects=_PENALTIES
        | _TELLING
        | _CACHING
        | {"function_call", "functions", "logit_bias", "moderation", "prediction", "seed", "verbosity"}
        | {"web_search_options"},
        developer="system",
        note="any field that it does not know is an error",
        source="ai.google.dev/gemini-api/docs/openai; reports of 'Unknown name … Cannot find field', 2025 to 2026",
        checked="2026-11",
    ),
    "groq": Host(
        base_url="https://api.groq.com/openai/v1",
        families=frozenset({"audio", "batches", "chat", "files", "models", "responses"}),
        variables=("GROQ_API_KEY",),
        rejects=_LOGPROBS | {"logit_bias", "messages.*.name", "n"},
        ignores=frozenset({"metadata", "store"}),
        source="console.groq.com/docs/openai; groq-python 1.7",
        checked="2026-11",
    ),
    "llamacpp": Host(
        base_url="http://localhost:8080/v1",
        families=_LOCAL.families,
        ignores=_LOCAL.ignores,
        renames=(("max_completion_tokens", "max_tokens"),),
        developer="system",
        note="tools need a server started with --jinja; it may want a key: api_key=",
        source="github.com/ggml-org/llama.cpp (tools/server/README.md)",
        checked="2026-11",
    ),
    "mistral": Host(
        base_url="https://api.mistral.ai/v1",
        dialect="openai-chat",
        families=frozenset({"audio", "batches", "chat", "embeddings", "files", "models", "moderations"}),
        variables=("MISTRAL_API_KEY",),
        rejects=_OPENAI_ONLY - {"prediction"}
        | (_TELLING - {"metadata", "prompt_cache_key", "service_tier"})
        | _CACHING
        | {"logit_bias", "messages.*.name"},
        strips=frozenset({"stream_options"}),
        renames=(("max_completion_tokens", "max_tokens"), ("seed", "random_seed")),
        developer="system",
        note="any field that it does not know is an error; usage ends every stream",
        source="mistralai-python 3.7 (ChatCompletionRequest); reports of 'extra_forbidden', 2024 to 2026",
        checked="2026-11",
    ),
    "ollama": Host(
        base_url="http://localhost:11434/v1",
        families=_LOCAL.families,
        ignores=_LOCAL.ignores | {"logit_bias", "n", "parallel_tool_calls", "tool_choice"},
        renames=(("max_completion_tokens", "max_tokens"),),
        developer="system",
        note="Responses without stored state",
        source="docs.ollama.com/api/openai-compatibility",
        checked="2026-11",
    ),
    "openai": Host(
        base_url="https://api.openai.com/v1",
        variables=("OPENAI_API_KEY",),
        source="openai-python 3.54",
        checked="2026-11",
    ),
    "openrouter": Host(
        base_url="https://openrouter.ai/api/v1",
        families=_TEXT | {"responses"},
        variables=("OPENROUTER_API_KEY",),
        rejects=frozenset({"store"}),
        note="a field that the vendor behind it does not know is left out, unless the program asks for "
        "extra_body={'provider': {'require_parameters': True}}",
        source="openrouter.ai/docs/api-reference/overview",
        checked="2026-11",
    ),
    "perplexity": Host(
        base_url="https://api.perplexity.ai",
        dialect="openai-chat",
        families=frozenset({"chat"}),
        variables=("PERPLEXITY_API_KEY", "PPLX_API_KEY"),
        ignores=_LOGPROBS
        | {"logit_bias", "n", "parallel_tool_calls", "seed", "service_tier", "stop", "tool_choice", "tools"},
        developer="system",
        terminated=False,
        note="its answers are searches of the web; streams end without [DONE]",
        source="docs.getbifrost.ai/providers/supported-providers/perplexity",
        checked="2026-11",
    ),
    "together": Host(
        base_url="https://api.together.ai/v1",
        dialect="openai-chat",
        families=_TEXT | {"audio", "images"},
        variables=("TOGETHER_API_KEY",),
        source="docs.together.ai/docs/inference/openai-compatibility",
        checked="2026-11",
    ),
    "vertex": Host(
        base_url=f"{_VERTEX}/publishers/google",
        dialect="gemini",
        families=frozenset({"generate_content", "count_tokens", "embeddings"}),
        auth="google",
        source="google-genai 3.4",
        checked="2026-11",
    ),
    "vertex-anthropic": Host(
        base_url=_VERTEX,
        dialect="anthropic",
        families=_CLAUDE,
        auth="google",
        path="publishers/anthropic/models/{model}:rawPredict",
        stream_path="publishers/anthropic/models/{model}:streamRawPredict",
        wrapping="vertex",
        source="anthropic-python 2.12 (lib/vertex)",
        checked="2026-11",
    ),
    "vertex-openai": Host(
        base_url=f"{_VERTEX}/endpoints/openapi",
        dialect="openai-chat",
        families=frozenset({"chat"}),
        auth="google",
        ignores=_TELLING
        | _CACHING
        | _SOUND
        | {"logit_bias", "moderation", "parallel_tool_calls", "prediction", "verbosity"},
        developer="system",
        note="models are named google/gemini-…",
        source="docs.cloud.google.com/vertex-ai/generative-ai/docs/multimodal/call-vertex-using-openai-library",
        checked="2026-11",
    ),
    "vllm": Host(
        base_url="http://localhost:8000/v1",
        families=_LOCAL.families,
        rejects=frozenset({"suffix"}),
        ignores=_LOCAL.ignores,
        note="it may want a key: api_key=",
        source="docs.vllm.ai (serving/openai_compatible_server)",
        checked="2026-11",
    ),
    "xai": Host(
        base_url="https://api.x.ai/v1",
        variables=("XAI_API_KEY",),
        note="models that think refuse stop and penalties",
        source="docs.x.ai/docs/models, as it was; it was not to be had anew",
        checked="2025-11",
    ),
}
HOSTS: Mapping[str, Host] = MappingProxyType(_known)
"""By the name that stands before the colon of a target's; :func:`add` adds to it."""


def host_named(name: str) -> Host:
    """The host of that name.

    Raises:
        ConfigurationError: there is none.
    """
    if name not in HOSTS:
        raise ConfigurationError(f"unknown host {name!r}; known are {', '.join(sorted(HOSTS))}, or give a Host(…)")
    return HOSTS[name]


def add(name: str, host: Host) -> None:
    """Make ``host`` known under ``name`` in this process: ``"name:model"`` is a target from then on.

    A known name is replaced for what is wrapped from then on.

    Args:
        name: what stands before the colon of a target's name.
        host: what is known of it.

    Raises:
        ConfigurationError: the name is empty or holds a colon or white space; the host is no :class:`Host`.
    """
    if not isinstance(name, str) or not name or ":" in name or not name.isprintable() or " " in name:  # pyright: ignore[reportUnnecessaryIsInstance]  # untyped callers
        raise ConfigurationError(f"a host's name stands before the colon of 'name:model', without spaces; got {name!r}")
    if not isinstance(host, Host):  # pyright: ignore[reportUnnecessaryIsInstance]  # untyped callers
        raise ConfigurationError(f"hosts.add(name, host) takes a Host, got {type(host).__name__}")
    _known[name] = host
