"""Every argument of every public call, given what it cannot be: a typed error that names it, before any request.

The table is made of the signatures, so a method or an argument that is new is tried too.
"""

from __future__ import annotations

import asyncio
import inspect
import math
import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

import pytest
from public_calls import T, World, _found, _response, _session

import aiortstream
from aiortstream import AsyncClient, CaptureChannel, InvalidArgumentError, RTStreamShot
from aiortstream.checking import checked, wire_body
from aiortstream.testing import ScriptedServer
from aiortstream.transport import Transport
from aiortstream.wire import rest


class RequestMade(BaseException):
    """A request left, though an argument was bad."""


# What arguments are given that must be there, by name.
GOOD: dict[str, Any] = {
    "url": "rtsp://camera/front",
    "id": "x-0",
    "video_id": "m-0",
    "index_id": "i-0",
    "understanding_id": "und-0",
    "source": {"understanding_id": "und-0"},
    "event_id": "e-0",
    "alert_id": "a-0",
    "name": "Front",
    "description": "At the door",
    "event_prompt": "A person",
    "label": "person",
    "prompt": "Who is there?",
    "query": "person",
    "start": T,
    "end": T + 10,
    "end_user_id": "user-7",
    "session_id": "cap-0",
    "category": "mic",
    "channels": [CaptureChannel("mic")],
    "max_items": 1,
    "max_wait": 1.0,
}


@dataclass(frozen=True)
class Argument:
    """One argument of one public method."""

    owner: str
    method: str
    parameter: inspect.Parameter

    def __str__(self) -> str:
        return f"{self.owner}.{self.method}({self.parameter.name})"


def arguments() -> Iterator[Argument]:
    for owner in aiortstream.__all__:
        kind = getattr(aiortstream, owner)
        if owner not in HANDLES:
            continue
        for method, function in inspect.getmembers(kind, inspect.isfunction):
            if method.startswith("_"):
                continue
            for parameter in list(inspect.signature(function).parameters.values())[1:]:
                if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
                    yield Argument(owner, method, parameter)


HANDLES: dict[str, Callable[[World], Any]] = {
    "AsyncClient": lambda w: w.client,
    "CaptureSession": lambda w: _session(w),
    "Collection": lambda w: w.client.collection("c-0"),
    "RTStream": lambda w: w.rtstream,
    "RTStreamSceneIndex": lambda w: w.index,
    "RTStreamIndex": lambda w: w.understood_index,
    "RTStreamUnderstanding": lambda w: w.understanding,
    "RTStreamShot": lambda w: RTStreamShot(w.client._context, rest.SearchRecord(T, T + 1), "rts-0", None, (T, T + 1)),
    "SearchResponse": _response,
    "SearchResult": _found,
    "Shot": lambda w: _found(w)[0],
    "Video": lambda w: w.client.video("m-0"),
    "Watch": lambda w: w.rtstream.watch_transcript(),
}


def bad_values(annotation: str) -> Iterator[Any]:
    """What an argument that is annotated so cannot be."""
    words = set(re.findall(r"\w+", annotation.replace("ConnectionChoice", "str | None")))
    if "Any" in words and not words & {"Mapping", "Sequence"}:
        return
    yield object()
    yield b"bytes"
    if "None" not in words:
        yield None
    if "str" not in words:
        yield "no-such-value"
    if words & {"str", "Literal", "Segmenter"} and not words & {"Sequence", "Mapping"}:
        yield "half \ud800"
    if not words & {"int", "float"}:
        yield 3
        yield math.nan
    else:
        yield from (math.nan, math.inf, -math.inf, True)
        if "float" not in words:
            yield 1.5
    if not words & {"Sequence"}:
        yield ["x"]
    else:
        yield [object()]
    if not words & {"Mapping", "VisualBatchConfig", "AudioBatchConfig"}:
        yield {"x": 1}


METHODS: dict[str, list[Argument]] = {}
for each in arguments():
    METHODS.setdefault(f"{each.owner}.{each.method}", []).append(each)


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    async with ScriptedServer() as server, AsyncClient("key", base_url=server.url, max_retries=0) as client:
        made = World(server, client)

        async def refuse(*_: object, **__: object) -> None:
            raise RequestMade

        for name in ("_attempts", "websocket", "post_file"):
            monkeypatch.setattr(Transport, name, refuse)
        yield made


@pytest.mark.parametrize("name", METHODS)
async def test_a_bad_argument_is_refused_before_any_request(name: str, world: World) -> None:
    taken = []
    for argument in METHODS[name]:
        method = getattr(HANDLES[argument.owner](world), argument.method)
        required = {
            parameter.name: GOOD[parameter.name]
            for parameter in inspect.signature(method).parameters.values()
            if parameter.default is parameter.empty
            and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        }
        for value in bad_values(str(argument.parameter.annotation)):
            try:
                async with asyncio.timeout(5):
                    made = method(**{**required, argument.parameter.name: value})
                    if inspect.isawaitable(made):
                        await made
            except InvalidArgumentError as error:
                if not str(error):
                    taken.append((argument.parameter.name, value, "says nothing"))
            except BaseException as error:
                taken.append((argument.parameter.name, value, repr(error)[:100]))
            else:
                taken.append((argument.parameter.name, value, "taken"))
    assert taken == []


def test_every_class_with_calls_is_tried() -> None:
    public = {
        name
        for name in aiortstream.__all__
        if inspect.isclass(kind := getattr(aiortstream, name))
        for member, _ in inspect.getmembers(kind, inspect.iscoroutinefunction)
        if not member.startswith("_") and kind.__module__.startswith("aiortstream.")
    }
    assert public == set(HANDLES)


class Thing:
    """What a new handle may look like."""

    async def act(self, label: str, speed: float = 1.0, mode: Literal["slow", "fast"] = "slow") -> str:
        return f"{label} {speed} {mode}"

    def look(self, since: float | datetime | None = None, *, names: Sequence[str] = ()) -> str:
        return f"{since} {list(names)}"

    def _inner(self, number: int) -> int:
        return number


async def test_a_new_method_is_checked_by_its_signature() -> None:
    thing = checked(Thing)()
    assert await thing.act("x", 2, "fast") == "x 2 fast"
    assert await thing.act(label="x") == "x 1.0 slow"
    assert thing.look(None, names=["a"]) == "None ['a']"
    assert inspect.iscoroutinefunction(Thing.act)
    assert list(inspect.signature(Thing.act).parameters) == ["self", "label", "speed", "mode"]
    wrong: Any = object()
    looks: list[tuple[Callable[[], str], str]] = [
        (lambda: thing.look(wrong), "since: expected unix seconds or an aware datetime or None, got object"),
        (lambda: thing.look(float("nan")), "since: expected unix seconds or an aware datetime or None, got nan"),
        (lambda: thing.look(names=cast(Any, "abc")), "names: expected a list, got str"),
    ]
    for call, said in looks:
        with pytest.raises(InvalidArgumentError, match=re.escape(said)):
            call()
    for arguments, said in (
        ((3,), "label: expected text, got 3"),
        (("x", "fast"), "speed: expected a number, got str"),
        (("x", 1.0, "medium"), "mode: expected 'slow' or 'fast', got 'medium'"),
    ):
        with pytest.raises(InvalidArgumentError, match=re.escape(said)):
            await thing.act(*cast(Any, arguments))
    assert thing._inner(wrong) is wrong
    with pytest.raises(TypeError, match="unexpected keyword"):
        thing.look(**cast(Any, {"nothing": 1}))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (rest.SearchRequest(cast(Any, 3)), "query: expected `str`, got `int`"),
        (rest.SearchRequest("x", result_threshold=cast(Any, 1.5)), "result_threshold: expected"),
        (rest.SearchRequest("x", score_threshold=float("nan")), "score_threshold: expected a number, got nan"),
        (rest.SearchRequest("x", filter=[{"a": [float("inf")]}]), "filter[0].a[0]: expected a number, got inf"),
        (rest.SearchRequest("x", filter=[{"a": object()}]), "this cannot be sent as JSON"),
        (rest.SearchRequest("\ud800"), "this cannot be sent as JSON"),
    ],
)
def test_a_body_that_the_wire_has_no_form_of(body: rest.SearchRequest, said: str) -> None:
    with pytest.raises(InvalidArgumentError, match=re.escape(said)):
        wire_body(body)


def test_a_body_is_sent_as_it_is() -> None:
    assert wire_body(rest.SearchRequest("x", score_threshold=0.5)) == b'{"query":"x","score_threshold":0.5}'
    assert wire_body([{"video_id": "m", "shots": [[1, 2]]}]) == b'[{"video_id":"m","shots":[[1,2]]}]'
