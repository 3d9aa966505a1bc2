"""The known traps, each with the tests that fail without what avoids it. The traps stand in ARCHITECTURE.md."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent

TRAPS: dict[str, tuple[str, ...]] = {
    "an async generator is finished for good by one timed-out anext": (
        "live/test_hub.py::test_a_timed_out_anext_loses_nothing",
        "test_cancelling.py::test_reading_cancelled_anywhere_loses_nothing",
    ),
    "yield inside a task group or cancel scope cancels the consumer later": (
        "test_traps.py::test_no_public_iterator_is_an_async_generator",
    ),
    "a task group entered in one task and left in another fails": (
        "live/test_hub.py::test_closing_in_another_task_ends_the_loop",
    ),
    "a stalled reader plus heartbeat kills the socket": (
        "live/test_slow_consumers.py::test_a_neighbour_gets_each_record_in_the_turn_in_which_it_came",
    ),
    "a hand-over races native cancellation": (
        "test_cancelling.py::test_batches_cancelled_anywhere_lose_nothing",
        "live/test_batches.py::test_cancelling_a_step_loses_nothing",
    ),
    "async for over the socket ends alike on a drop and on a clean close": (
        "live/test_connection.py::test_any_end_is_followed_by_another_connection",
        "live/test_hub.py::test_any_end_is_a_drop_and_the_transcript_is_bound_again",
    ),
    "a timeout around receive() marks an open socket as closed": (
        "live/test_connection.py::test_a_connection_that_is_silent_against_expectation_is_opened_again",
    ),
    "a tagged union raises on an unknown tag": (
        "live/test_fuzz.py::test_the_reader_lives_through_all_of_it_and_tells_of_each",
        "wire/test_frames.py::test_unknown_channels_come_as_they_are",
    ),
    "backing off from zero after each mere connect hammers a flapping server": (
        "live/test_connection.py::test_a_server_that_flaps_is_asked_less_and_less_often",
        "live/test_connection.py::test_a_connection_that_lived_sets_the_delay_back",
    ),
    "backoff.expo yields None first": ("test_retry.py",),
    "a second attempt at a create that may have succeeded makes a paid duplicate": (
        "test_gateway.py::test_an_alert_whose_creation_was_not_answered_is_looked_for_before_another_is_made",
        "test_transport.py",
    ),
}


@pytest.mark.parametrize("trap", sorted(TRAPS))
def test_each_trap_has_its_test(trap: str) -> None:
    for held_by in TRAPS[trap]:
        file, _, name = held_by.partition("::")
        tree = ast.parse((TESTS / file).read_text())
        names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        assert not name or name in names, f"{held_by} is gone: what holds {trap!r} now?"
        assert any(each.startswith("test_") for each in names)


def test_no_public_iterator_is_an_async_generator() -> None:
    package = TESTS.parent / "aiortstream"
    client = [*package.glob("*.py"), *(package / "live").glob("*.py")]
    found = []
    for file in client:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.AsyncFunctionDef) and not any(
                "contextmanager" in ast.dump(d) for d in node.decorator_list
            ):
                own = [each for each in ast.walk(node) if isinstance(each, ast.Yield)]
                found += [f"{file.name}:{node.name}" for _ in own]
    assert found == []
