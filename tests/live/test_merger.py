"""Which records of a feed are new. How polls and frames use it together is tested in test_feed.py."""

from __future__ import annotations

from aiortstream.live.cursor import parse_cursor
from aiortstream.live.merger import Merger, key_of
from aiortstream.records import Scene

T = 1_720_000_000.0
OVERLAP = 60.0


def scene(start: float, end: float | None = None) -> Scene:
    return Scene(start, start + 2 if end is None else end, "x", "rts-1", "visual", "i1")


def merger(floor: float = T, *, max_keys: int = 100, until: float | None = None) -> Merger[Scene]:
    return Merger(floor, overlap=OVERLAP, max_keys=max_keys, until=until)


def test_a_key_is_start_and_end_in_milliseconds_whatever_the_unit_was() -> None:
    assert key_of(scene(1720000000.1234, 1720000001.9996)) == (1720000000123, 1720000002000)
    assert key_of(scene(1720000000123 / 1000, 1720000002)) == (1720000000123, 1720000002000)


def test_a_record_is_let_through_once_by_either_way() -> None:
    made = merger()
    assert made.accept(scene(T))
    assert not made.accept(scene(T))
    assert made.accept_history([scene(T), scene(T + 5), scene(T + 5)]) == [scene(T + 5)]
    assert made.duplicates == 3


def test_records_that_share_only_a_start_or_an_end_are_two() -> None:
    made = merger()
    assert made.accept_history([scene(T, T + 4), scene(T, T + 2), scene(T + 2, T + 4)]) == [
        scene(T, T + 2),
        scene(T, T + 4),
        scene(T + 2, T + 4),
    ]


def test_history_is_put_in_order_and_cut_at_the_floor() -> None:
    made = merger(T)
    records = [scene(T + 9), scene(T - 2, T), scene(T - 1, T + 1), scene(T + 3)]
    assert [r.start for r in made.accept_history(records)] == [T - 1, T + 3, T + 9]


def test_what_begins_at_until_or_later_is_not_wanted() -> None:
    made = merger(until=T + 10)
    assert made.accept(scene(T + 9.999))
    assert not made.accept(scene(T + 10))
    assert made.accept_history([scene(T + 11), scene(T + 8)]) == [scene(T + 8)]


def test_only_what_was_covered_moves_the_position_and_never_back() -> None:
    made = merger(T)
    made.accept(scene(T + 100))
    assert made.position == T
    made.covered(T + 50)
    made.covered(T + 20)
    assert made.position == T + 50
    assert made.fetch_from == T + 50 - OVERLAP


def test_memory_is_bounded_and_what_it_cannot_judge_is_refused() -> None:
    made = merger(max_keys=3)
    made.covered(T + 200)  # polls ask for what ended after T + 140
    for n in range(5):
        assert made.accept(scene(T + n * 10))
    assert not made.accept(scene(T + 0))  # forgotten
    assert not made.accept(scene(T + 5))  # never seen, but older than what was forgotten
    assert made.too_old == 2
    assert made.take_doubt() is None  # no poll had left them out: they were known once
    assert made.accept(scene(T + 15))


def test_what_polls_may_bring_again_is_remembered_longer() -> None:
    made = merger(max_keys=3)
    for n in range(30):
        assert made.accept(scene(T + n))
    assert not made.accept(scene(T))
    assert made.duplicates == 1
    assert made.too_old == 0


def test_where_even_that_had_to_be_forgotten_the_stretch_is_told_once() -> None:
    made = merger(max_keys=3)
    for n in range(40):
        assert made.accept(scene(T + n))
    assert made.accept_history([scene(T + 3), scene(T + 1.5)]) == []
    assert made.take_doubt() == (T + 1.5, scene(T + 3).end)
    assert made.accept_history([scene(T + 3), scene(T + 1.5)]) == []
    assert made.take_doubt() is None


def test_what_was_dropped_is_wanted_however_old_it_is() -> None:
    made = merger(max_keys=3)
    first, *others = [scene(T + n) for n in range(40)]
    assert made.accept(first)
    made.rewind([first])
    for other in others:
        made.accept(other)
    assert made.accept(first)
    assert not made.accept(first)


def test_a_rewind_wants_again_what_was_not_handed_over_and_finds_it() -> None:
    made = merger(T)
    for n in range(4):
        made.accept(scene(T + n * 10))
    made.covered(T + 1000)
    dropped = [scene(T + 20), scene(T + 30)]
    made.rewind(dropped)
    assert made.fetch_from < T + 20
    assert made.accept_history([scene(T + n * 10) for n in range(4)]) == dropped


def test_a_rewind_of_what_ended_before_the_floor_wants_it_too() -> None:
    made = merger(T)
    early = scene(T - 5, T - 3)
    assert made.accept(early)  # by the websocket: frames know no floor
    made.rewind([early])
    assert made.accept_history([early]) == [early]


def test_a_cursor_knows_what_was_handed_over_and_wants_what_was_not() -> None:
    made = merger(T)
    handed, waiting = scene(T + 10), scene(T + 20)
    made.accept_history([handed, waiting])
    made.covered(T + 30)
    cursor = parse_cursor(str(made.cursor("scene:rts-1:i1", [waiting])), "scene:rts-1:i1")
    resumed: Merger[Scene] = Merger.resume(cursor, overlap=OVERLAP, max_keys=100)
    late = scene(T + 5)
    assert resumed.fetch_from < T + 10
    assert resumed.accept_history([handed, waiting, late]) == [late, waiting]


def test_a_cursor_keeps_only_keys_that_a_poll_can_find_again() -> None:
    made = merger(T, max_keys=10_000)
    for n in range(1000):
        made.accept(scene(T + n))
    made.covered(T + 1000)
    cursor = made.cursor("f", [])
    assert cursor.position == T + 1000
    assert len(cursor.keys) == 62  # those that ended within the overlap
    assert min(end for _, end in cursor.keys) >= (T + 1000 - OVERLAP) * 1000
