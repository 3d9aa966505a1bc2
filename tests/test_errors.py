"""The error tree: what is caught by what, and what an error says."""

from __future__ import annotations

import copy
import inspect
import pickle

import pytest

from aiortstream import errors, exceptions
from aiortstream.errors import (
    AuthenticationError,
    ClientClosedError,
    ConnectionFailedError,
    DataLost,
    InvalidArgumentError,
    InvalidRequestError,
    NotFoundError,
    PaymentRequiredError,
    RateLimitedError,
    RequestTimeoutError,
    ResponseError,
    ServerError,
    VideodbError,
    WrongLoopError,
)
from aiortstream.records import Gap

TREE = {
    name: kind
    for name, kind in vars(errors).items()
    if inspect.isclass(kind) and issubclass(kind, BaseException) and kind.__module__ == errors.__name__
}
GAP = Gap("scene", 1720000000.0, 1720000009.0, "history_unavailable", False, "rts-1", "i1")


@pytest.mark.parametrize("kind", TREE.values(), ids=list(TREE))
def test_one_root_catches_all_and_the_tree_shows_each(kind: type[VideodbError]) -> None:
    assert issubclass(kind, VideodbError)
    assert errors.__doc__ is not None
    if kind is not ResponseError:  # a base that is never raised
        assert kind.__name__ in errors.__doc__


@pytest.mark.parametrize(
    ("kind", "also"),
    [
        (InvalidArgumentError, ValueError),
        (ConnectionFailedError, ConnectionError),
        (RequestTimeoutError, TimeoutError),
        (ClientClosedError, RuntimeError),
        (WrongLoopError, RuntimeError),
        (NotFoundError, InvalidRequestError),
        (PaymentRequiredError, InvalidRequestError),
        (RateLimitedError, InvalidRequestError),
    ],
)
def test_errors_are_also_what_programs_already_catch(kind: type[Exception], also: type[Exception]) -> None:
    assert issubclass(kind, also)


def test_a_refused_key_is_not_a_refused_request() -> None:
    assert not issubclass(AuthenticationError, InvalidRequestError)
    assert not issubclass(ServerError, InvalidRequestError)


def test_the_official_names_are_where_the_official_sdk_has_them() -> None:
    for name in ("VideodbError", "AuthenticationError", "InvalidRequestError", "RequestTimeoutError", "SearchError"):
        assert getattr(exceptions, name) is TREE[name]


@pytest.mark.parametrize(
    ("details", "text"),
    [
        ({}, "no such stream"),
        ({"status": 404}, "no such stream (HTTP 404)"),
        ({"method": "GET"}, "no such stream"),
        (
            {"status": 404, "method": "GET", "path": "/rtstream/rts-1", "request_id": "q1", "error_code": "X"},
            "GET /rtstream/rts-1: no such stream (HTTP 404) [request q1]",
        ),
    ],
)
def test_an_answers_error_says_what_was_asked_and_keeps_the_servers_words(
    details: dict[str, str | int], text: str
) -> None:
    error = NotFoundError("no such stream", **details)  # type: ignore[arg-type] # from the parameters
    assert str(error) == text
    assert error.message == "no such stream"
    assert error.status == details.get("status")
    assert error.error_code == details.get("error_code")


def test_how_long_to_wait_is_a_matter_of_one_error() -> None:
    error, other = RateLimitedError("slow down", status=429), RateLimitedError("slow down", status=429)
    error.retry_after = 3.5
    assert other.retry_after is None


def test_lost_data_names_the_stretch() -> None:
    error = DataLost(GAP)
    assert error.gap is GAP
    assert str(error) == str(GAP)


@pytest.mark.parametrize("error", [NotFoundError("gone", status=404, method="GET", path="/x"), DataLost(GAP)])
def test_errors_survive_other_processes(error: VideodbError) -> None:
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(twin) is type(error)
        assert str(twin) == str(error)
        assert vars(twin) == vars(error)
