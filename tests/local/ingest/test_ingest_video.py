"""How much of the video is decoded, and how large it is handed out."""

from __future__ import annotations

import pytest

from aiortstream.local.ingest.video import Skip, scaled_size, skip_level


@pytest.mark.parametrize(
    ("wanted", "source", "key_interval", "level"),
    [
        (25, 25, 2.0, "DEFAULT"),
        (10, 25, 2.0, "DEFAULT"),
        (2.5, 25, 2.0, "NONREF"),
        (2.5, None, None, "DEFAULT"),
        (0.5, 25, 2.0, "NONREF"),  # one key frame in each period: half a period off at worst is too far
        (0.25, 25, 2.0, "NONKEY"),
        (0.25, 25, None, "NONREF"),
        (0, 25, None, "NONKEY"),
    ],
)
def test_what_nobody_looks_at_is_not_decoded(
    wanted: float, source: float | None, key_interval: float | None, level: Skip
) -> None:
    assert skip_level(wanted=wanted, source=source, key_interval=key_interval) == level


@pytest.mark.parametrize(
    ("size", "scaled"),
    [
        ((160, 120), (160, 120)),
        ((1280, 720), (1280, 720)),
        ((1920, 1080), (1280, 720)),
        ((3840, 2160), (1280, 720)),
        ((2048, 1536), (1280, 960)),
        ((10000, 4), (1280, 2)),
        ((1080, 1920), (1080, 1920)),
    ],
)
def test_pictures_are_handed_out_no_wider_than_needed(size: tuple[int, int], scaled: tuple[int, int]) -> None:
    assert scaled_size(*size) == scaled
