"""Event definitions and the alerts that attach them to an index.

What fires is an `aiortstream.Alert` record; here is what can fire. Events are made on the client
(`client.create_event`), alerts on an index (`index.create_alert`).
"""

from __future__ import annotations

from aiortstream.arguments import non_empty
from aiortstream.records import Keyed
from aiortstream.wire import rest


class EventDefinition(Keyed, frozen=True):
    """A reusable rule: what to look for, and the label its alerts carry."""

    event_id: str
    label: str | None = None
    event_prompt: str | None = None


class AlertDefinition(Keyed, frozen=True):
    """An event attached to an index. `status` is `enabled` or `disabled`."""

    alert_id: str
    event_id: str | None = None
    label: str | None = None
    prompt: str | None = None
    callback_url: str | None = None
    status: str | None = None


def event_request(event_prompt: str, label: str) -> rest.EventRequest:
    """The body that creates an event, checked."""
    return rest.EventRequest(non_empty(event_prompt, "event_prompt"), non_empty(label, "label"))


def read_event(answer: rest.EventAnswer) -> EventDefinition:
    """The event in an answer."""
    return EventDefinition(answer.event_id, answer.label, answer.event_prompt)


def read_alert(answer: rest.AlertAnswer) -> AlertDefinition:
    """The alert in an answer."""
    return AlertDefinition(
        answer.alert_id, answer.event_id, answer.label, answer.prompt, answer.callback_url, answer.status
    )
