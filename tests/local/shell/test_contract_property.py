"""Whatever is sent, the server answers as its own OpenAPI document says, at once, and is well afterwards."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import requests
import schemathesis
from contract_parts import Scenery, no_complaints, scenery_elsewhere
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from shell_parts import KEY

from aiortstream.local.app import ROUTES
from aiortstream.local.routes.openapi import document

SECONDS = 10.0  # within which every call is answered; the server's own deadline is 25


def strict(found: dict[str, Any]) -> dict[str, Any]:
    """The document with answers that may hold nothing but what it says."""
    made = copy.deepcopy(found)
    for name, shape in made["components"]["schemas"].items():
        if not name.endswith("Request"):
            shape.setdefault("additionalProperties", False)
    return made


DOCUMENT = strict(json.loads(msgspec.json.encode(document(ROUTES))))
OPERATIONS: dict[str, Any] = {
    found.definition.raw["operationId"]: found
    for found in (each.ok() for each in schemathesis.openapi.from_dict(DOCUMENT).get_all_operations())  # type: ignore[union-attr] # our document has no operation that is an Err
}
del OPERATIONS["get_live"]  # it goes on for as long as somebody listens: its tests are those of the pages


@pytest.fixture(scope="module")
def scenery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenery]:
    with scenery_elsewhere(tmp_path_factory.mktemp("contract")) as opened:
        yield opened


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    with requests.Session() as opened:
        opened.headers["x-access-token"] = KEY
        yield opened


def attack(name: str, scenery: Scenery, session: requests.Session, examples: int) -> None:
    """Send what fits the document and what does not, of things that exist and of things that do not."""
    operation = OPERATIONS[name]
    known = {each.name: scenery.ids[each.name] for each in operation.path_parameters if each.name in scenery.ids}
    declared = {each.name for each in operation.query}
    key = {"x-access-token": KEY}
    sent = [
        operation.as_strategy(mode, path_parameters=ids, headers=key) for mode in GenerationMode for ids in ({}, known)
    ]

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,  # the call has one
        phases=(Phase.generate,),  # what fails is told as it is: shrinking it would send thousands of requests more
        suppress_health_check=list(HealthCheck),
    )
    @given(st.one_of(sent))
    def run(case: Any) -> None:
        answer = case.call(base_url=scenery.shell.base, session=session, timeout=SECONDS)
        # What fits the document may still be refused: a URL that no camera has, an id that nothing has. A parameter
        # that is not declared is ignored, and an empty one is absent, though both count as violations.
        query = dict(case.query or {})
        ignored = [negative_data_rejection] if set(query) - declared or "" in query.values() else []
        case.validate_response(answer, excluded_checks=[positive_data_acceptance, *ignored])

    with no_complaints() as said:
        run()
    assert not said
    assert session.get(scenery.shell.base + "/rtstream?limit=1", timeout=SECONDS).status_code == 200


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_answer_is_as_the_document_says(name: str, scenery: Scenery, session: requests.Session) -> None:
    attack(name, scenery, session, 8)


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", OPERATIONS)
def test_for_long(name: str, scenery: Scenery, session: requests.Session) -> None:
    attack(name, scenery, session, 1000)
