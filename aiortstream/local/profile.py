"""Where sources disagree on what the hosted service does: which side this server takes.

docs/contract.md says of each choice who stands on which side.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args, get_type_hints

from aiortstream.errors import InvalidArgumentError
from aiortstream.wire.frames import AudioChannel, VisualChannel
from aiortstream.wire.webhooks import EventIdForm, WebhookTimes

Strictness = Literal["lenient", "strict"]
Generated = Literal["player", "stream"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One answer to each disagreement; the defaults let every known client work."""

    visual_channel: VisualChannel = "scene_index"
    """Channel of visual scenes on the websocket: the SDKs name one, some official programs the other."""
    audio_channel: AudioChannel = "audio_index"
    """Channel of scenes of speech: the documentation and all programs name the first, a constant of the Node SDK the
    other."""
    start_connected: Strictness = "lenient"
    """`start` on a stream that runs: success, or a 400 as the hosted service has been seen to answer."""
    export_running: Strictness = "lenient"
    """`export` of a stream that runs: what has been recorded so far, or a 400 as the documentation says."""
    generate_stream: Generated = "player"
    """What the official SDK's `generate_stream` gives, which is what the answer has as `player_url`: a player's page,
    as it does since 0.4.2, or the stream itself, as its documentation says."""
    webhook_times: WebhookTimes = "iso"
    """`start_time` and `end_time` of a callback: ISO 8601 as recorded, or unix seconds as documented."""
    webhook_event_id: EventIdForm = "prefixed"
    """`event_id` of a callback: `event-...` as recorded, or bare as everywhere else."""

    def __post_init__(self) -> None:
        for name, choices in choices_of(type(self)).items():
            if getattr(self, name) not in choices:
                raise InvalidArgumentError(f"{name}: expected {' or '.join(choices)}, got {getattr(self, name)!r}")

    @classmethod
    def strict(cls) -> Profile:
        """As the hosted service has been seen to refuse, or is documented to."""
        return cls(start_connected="strict", export_running="strict")

    @classmethod
    def of(cls, said: Iterable[str]) -> Profile:
        """A profile in words: `lenient`, `strict`, and `name=value`; what is said later goes before.

        InvalidArgumentError says which are possible.
        """
        chosen: dict[str, Any] = {}
        for each in said:
            name, equals, value = each.partition("=")
            if not equals and name in _WHOLE:
                chosen = {field.name: getattr(_WHOLE[name](), field.name) for field in fields(cls)}
            elif equals and name in choices_of(cls):
                chosen[name] = value
            else:
                possible = ", ".join((*_WHOLE, *(f"{name}=..." for name in choices_of(cls))))
                raise InvalidArgumentError(f"profile: expected one of {possible}, got {each!r}")
        return cls(**chosen)


_WHOLE = {"lenient": Profile, "strict": Profile.strict}


def choices_of(profile: type[Profile]) -> dict[str, tuple[str, ...]]:
    """What each field may be."""
    hints = get_type_hints(profile)
    return {field.name: get_args(hints[field.name]) for field in fields(profile)}
