"""The parameters each endpoint takes, from the types of openai 3.54 (the SDK's own parameter classes).

Written as `name:type`, `!` for required; types may be joined by `|`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Content = Literal["json", "form", "either", "none"]


@dataclass(frozen=True, slots=True)
class Field:
    """One parameter."""

    types: tuple[str, ...]
    required: bool


@dataclass(frozen=True, slots=True)
class Spec:
    """What a request to one endpoint may carry, and how."""

    content: Content
    fields: dict[str, Field]


def spec(content: Content, text: str) -> Spec:
    """A spec out of its one-line form."""
    fields: dict[str, Field] = {}
    for word in text.split():
        name, _, types = word.partition(":")
        fields[name] = Field(tuple(types.rstrip("!").split("|")), types.endswith("!"))
    return Spec(content, fields)


NOTHING: Final = Spec("none", {})

_SHARED = (
    "frequency_penalty:num logit_bias:obj presence_penalty:num seed:int stop:str|arr stream:bool stream_options:obj"
)
_SAMPLING = "temperature:num top_p:num user:str"

CHAT: Final = spec(
    "json",
    f"messages:arr! model:str! {_SHARED} {_SAMPLING} audio:obj function_call:str|obj functions:arr logprobs:bool"
    " max_completion_tokens:int max_tokens:int metadata:obj modalities:arr moderation:obj n:int"
    " parallel_tool_calls:bool prediction:obj prompt_cache_key:str prompt_cache_options:obj"
    " prompt_cache_retention:str reasoning_effort:str response_format:obj safety_identifier:str service_tier:str"
    " store:bool tool_choice:str|obj tools:arr top_logprobs:int verbosity:str web_search_options:obj",
)
COMPLETIONS: Final = spec(
    "json",
    f"prompt:str|arr! model:str! {_SHARED} {_SAMPLING} best_of:int echo:bool logprobs:int max_tokens:int n:int"
    " suffix:str",
)
RESPONSES: Final = spec(
    "json",
    f"input:str|arr model:str! {_SAMPLING} access_programs:obj background:bool background_options:obj"
    " context_management:arr conversation:str|obj image:obj include:arr instructions:str max_output_tokens:int"
    " max_tool_calls:int metadata:obj moderation:obj parallel_tool_calls:bool previous_response_id:str prompt:obj"
    " prompt_cache_key:str prompt_cache_options:obj prompt_cache_retention:str reasoning:obj safety_identifier:str"
    " service_tier:str store:bool stream:bool stream_options:obj text:obj tool_choice:str|obj tools:arr"
    " top_logprobs:int truncation:str",
)
EMBEDDINGS: Final = spec("json", "input:str|arr! model:str! dimensions:int encoding_format:str user:str")
MODERATIONS: Final = spec("json", "input:str|arr! model:str")

_IMAGES = (
    "prompt:str! model:str background:str complexity:str frame_count:int frame_duration_ms:int moderation:str n:int"
    " output_compression:int output_format:str partial_images:int quality:str response_format:str"
    " safety_identifier:str size:str stream:bool svg:obj user:str"
)
IMAGES: Final = spec("json", f"{_IMAGES} style:str")
IMAGE_EDITS: Final = spec("form", f"{_IMAGES} image:file! mask:file markup:file input_fidelity:str")
IMAGE_VARIATIONS: Final = spec("form", "image:file! model:str n:int response_format:str size:str user:str")

SPEECH: Final = spec(
    "json", "input:str! model:str! voice:str|obj! instructions:str response_format:str speed:num stream_format:str"
)
TRANSCRIPTIONS: Final = spec(
    "form",
    "file:file! model:str! chunking_strategy:any include:arr keywords:arr known_speaker_names:arr"
    " known_speaker_references:arr language:str languages:arr prompt:str response_format:str stream:bool"
    " temperature:num timestamp_granularities:arr",
)
TRANSLATIONS: Final = spec("form", "file:file! model:str! prompt:str response_format:str temperature:num")

FILES: Final = spec("form", "file:file! purpose:str! expires_after:obj")
BATCHES: Final = spec(
    "json", "input_file_id:str! endpoint:str! completion_window:str! metadata:obj output_expires_after:obj"
)
VIDEOS: Final = spec("either", "prompt:str! model:str input_reference:file|obj|str seconds:str size:str")
REMIX: Final = spec("either", "prompt:str!")
