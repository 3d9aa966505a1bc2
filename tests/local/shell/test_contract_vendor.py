"""The vendor's OpenAPI file against this server: whatever fits it is answered as it says, but for what is listed here.

Where the file and what was seen of the service, or of its official SDKs, disagree, this server follows what was seen.
`DEVIATIONS` are these places, with reasons; docs/contract.md has the same table.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
import yaml
from contract_parts import Scenery, no_complaints, scenery_elsewhere
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from shell_parts import KEY

from aiortstream.local.app import ROUTES

TOP = Path(__file__).parents[3]
FILE = TOP.parent / "shared" / "wire" / "videodb-openapi.yaml"
# Capture sessions are compared from the day on which the first route of theirs is served.
CAPTURE = r"|.*/capture/session" if any("/capture/" in route.path for route in ROUTES) else ""
COMPARED = re.compile(r"/rtstream|/collection/\{collection_id\}/websocket" + CAPTURE)
SECONDS = 10.0  # within which every call is answered

Document = dict[str, Any]


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in a document."""
    if isinstance(value, dict):
        yield value
        for each in value.values():
            yield from nodes(each)
    elif isinstance(value, list):
        for each in value:
            yield from nodes(each)


def operations(document: Document) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        yield from (each for method, each in path.items() if method in ("get", "post", "patch", "put", "delete"))


def answers(document: Document) -> Iterator[dict[str, Any]]:
    """Every object within an answer that is described, and within the shapes that such answers refer to."""
    for operation in operations(document):
        yield from nodes(operation["responses"])
    yield from nodes(document["components"]["schemas"])


# --- where this server does otherwise ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Deviation:
    """What the file says and this server does not do; `apply` changes the file, and says in how many places."""

    name: str
    reason: str
    apply: Callable[[Document], int]


def _refusals(document: Document) -> int:
    changed = 0
    shape = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    for operation in operations(document):
        for status in ("400", "401", "404", "413", "415", "503"):
            if status not in operation["responses"]:
                operation["responses"][status] = {"description": "Refused.", "content": shape}
                changed += 1
    return changed


def _naive_times(document: Document) -> int:
    found = [each for each in answers(document) if each.get("format") == "date-time"]
    for each in found:
        del each["format"]
    return len(found)


def _null_for_nothing(document: Document) -> int:
    found = [each for each in answers(document) if each.get("type") in ("string", "number", "integer")]
    for each in found:
        each["nullable"] = True
        if "enum" in each:
            each["enum"] = [*each["enum"], None]
    return len(found)


DEVIATIONS = [
    Deviation(
        "refusals",
        "the file describes few refusals; each of them has the shape that it describes for errors",
        _refusals,
    ),
    Deviation(
        "naive times",
        "`created_at` and `updated_at` were recorded without an offset, which `date-time` demands",
        _naive_times,
    ),
    Deviation(
        "null for nothing",
        "what there is nothing to say of is null: the official SDKs read a field that is missing as they read null",
        _null_for_nothing,
    ),
]


# What the file has and this server does not, with the reason.
NOT_SERVED: dict[str, str] = {}


def compared() -> Document:
    """The part of the file that is compared, as it is."""
    if not FILE.exists():
        pytest.skip(f"the vendor's OpenAPI file is not at {FILE}")
    found: Document = yaml.safe_load(FILE.read_text())
    found["paths"] = {path: each for path, each in found["paths"].items() if COMPARED.match(path)}
    return found


@pytest.fixture(scope="module")
def known() -> Document:
    """The same with the deviations made in it."""
    document = compared()
    for deviation in DEVIATIONS:
        deviation.apply(document)
    return document


@pytest.fixture(scope="module")
def scenery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenery]:
    with scenery_elsewhere(tmp_path_factory.mktemp("vendor")) as opened:
        yield opened


def test_every_deviation_is_needed() -> None:
    document = compared()
    for deviation in DEVIATIONS:
        before = copy.deepcopy(document)
        assert deviation.apply(document) > 0, deviation.name
        assert document != before, deviation.name


def test_what_is_not_served_is_listed() -> None:
    served = {(route.method, shape_of(route.path)) for route in ROUTES}
    document = compared()
    missing = {
        f"{method.upper()} {path}"
        for path, each in document["paths"].items()
        for method in each
        if method in ("get", "post", "patch", "put", "delete") and (method.upper(), shape_of(path)) not in served
    }
    assert missing == set(NOT_SERVED)


def shape_of(path: str) -> str:
    """A path without the names of its parameters, and without a slash at its end."""
    return re.sub(r"\{[^}]*\}", "{}", path).rstrip("/")


def attack(known: Document, scenery: Scenery, examples: int) -> None:
    """Send each operation what fits the file and what does not, of things that exist and of things that do not."""
    ids = {**scenery.ids, "stream_id": scenery.ids["rtstream_id"], "scene_index_id": scenery.ids["index_id"]}
    ids["streaming_session_id"] = scenery.ids["session_id"]
    if "session_id" in ids:
        ids["streaming_session_id"] = ids["session_id"]
    key = {"x-access-token": KEY}
    with requests.Session() as session:
        for found in schemathesis.openapi.from_dict(known).get_all_operations():
            operation: Any = found.ok()  # type: ignore[union-attr] # it has no operation that is an Err
            if f"{operation.method.upper()} {operation.path}" in NOT_SERVED:
                continue
            exist = {each.name: ids[each.name] for each in operation.path_parameters if each.name in ids}
            sent = [
                operation.as_strategy(mode, path_parameters=named, headers=key)
                for mode in GenerationMode
                for named in ({}, exist)
            ]

            @settings(
                max_examples=examples,
                derandomize=True,
                database=None,
                deadline=None,  # the call has one
                phases=(Phase.generate,),
                suppress_health_check=list(HealthCheck),
            )
            @given(st.one_of(sent))
            def run(case: Any) -> None:
                answer = case.call(base_url=scenery.shell.base, session=session, timeout=SECONDS)
                # What the file lets pass may make no sense, and the other way round: our own document is stricter.
                case.validate_response(answer, excluded_checks=[positive_data_acceptance, negative_data_rejection])

            with no_complaints() as said:
                run()
            assert not said, operation.path
            assert session.get(scenery.shell.base + "/rtstream", headers=key, timeout=SECONDS).status_code == 200


def test_answers_fit_the_file_but_for_the_deviations(known: Document, scenery: Scenery) -> None:
    attack(known, scenery, 20)


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_answers_fit_the_file_for_long(known: Document, scenery: Scenery) -> None:
    attack(known, scenery, 500)


def test_the_documentation_has_the_same_table() -> None:
    text = (TOP / "docs" / "contract.md").read_text()
    for deviation in DEVIATIONS:
        assert f"| {deviation.name} | {deviation.reason} |" in text
    for operation, reason in NOT_SERVED.items():
        assert f"| `{operation}` | {reason} |" in text
