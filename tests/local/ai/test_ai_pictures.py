"""Light, colour and change, told without a model."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from aiortstream.local.ai.pictures import PictureMemory, change, glance, largest_change

Picture = NDArray[np.uint8]


def plain(red: int, green: int, blue: int, size: tuple[int, int] = (720, 1280)) -> Picture:
    return np.full((*size, 3), (red, green, blue), np.uint8)


def slide(text: str) -> Picture:
    image = Image.new("RGB", (1280, 720), (20, 60, 160))
    ImageDraw.Draw(image).text((100, 300), text, font=ImageFont.load_default(40), fill="white")
    return np.asarray(image)


def noisy(picture: Picture, seed: int) -> Picture:
    noise = np.random.default_rng(seed).normal(0, 4, picture.shape)
    return np.asarray(np.clip(picture + noise, 0, 255), np.uint8)


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((0, 0, 0), "black"),
        ((255, 255, 255), "white"),
        ((128, 128, 128), "grey"),
        ((200, 20, 20), "red"),
        ((250, 140, 20), "orange"),
        ((110, 65, 20), "brown"),
        ((240, 220, 40), "yellow"),
        ((30, 160, 50), "green"),
        ((30, 200, 200), "cyan"),
        ((20, 60, 160), "blue"),
        ((110, 40, 180), "purple"),
        ((240, 60, 160), "pink"),
    ],
)
def test_colours_have_the_names_that_people_use(rgb: tuple[int, int, int], name: str) -> None:
    assert glance(plain(*rgb)).colours == (name,)


def test_the_largest_colours_come_first_and_small_ones_are_left_out() -> None:
    picture = plain(20, 60, 160)
    picture[:200] = (200, 20, 20)
    picture[-30:] = (240, 220, 40)
    assert glance(picture).colours == ("blue", "red")


def test_brightness_is_a_share() -> None:
    assert glance(plain(0, 0, 0)).brightness == 0
    assert glance(plain(255, 255, 255)).brightness == 1
    assert glance(plain(128, 128, 128)).brightness == pytest.approx(0.5, abs=0.01)


def test_a_surface_is_plain_and_a_line_of_text_is_not() -> None:
    assert glance(noisy(plain(90, 90, 90), 1)).is_plain
    assert not glance(slide("Hello")).is_plain


def test_noise_is_no_change() -> None:
    difference = change(glance(noisy(slide("Door open"), 1)), glance(noisy(slide("Door open"), 2)))
    assert difference.is_same
    assert difference.in_words == "the picture did not change"


def test_one_other_digit_is_a_small_change() -> None:
    difference = change(glance(slide("14:03:21")), glance(slide("14:03:22")))
    assert not difference.is_same
    assert difference.in_words == "small movements"


def test_another_scene_is_a_change() -> None:
    difference = change(glance(plain(20, 20, 20)), glance(plain(200, 200, 200)))
    assert difference.in_words == "the picture changed"
    assert difference.mean == pytest.approx(180 / 255, abs=0.01)


def test_pictures_of_other_sizes_are_other_pictures() -> None:
    assert change(glance(plain(9, 9, 9)), glance(plain(9, 9, 9, (480, 640)))).mean == 1


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (9, 4000), (2160, 3840)])
def test_any_size_will_do(size: tuple[int, int]) -> None:
    picture = glance(plain(20, 60, 160, size))
    assert picture.colours == ("blue",)
    assert change(picture, picture).is_same


def test_the_largest_step_of_a_window_counts() -> None:
    dark, bright = glance(plain(0, 0, 0)), glance(plain(255, 255, 255))
    assert largest_change([dark, dark, bright, bright]).mean == 1
    assert largest_change([dark]).mean == 0


def test_a_picture_is_remembered_though_it_is_noisy_and_others_came_between() -> None:
    memory: PictureMemory[str] = PictureMemory()
    memory.remember(glance(slide("Door open")), "open")
    memory.remember(glance(slide("Door shut")), "shut")
    assert memory.recall(glance(noisy(slide("Door open"), 3))) == "open"
    assert memory.recall(glance(slide("Door ajar"))) is None


def test_what_was_not_asked_for_the_longest_is_forgotten() -> None:
    memory: PictureMemory[int] = PictureMemory(size=2)
    pictures = [glance(plain(level, level, level)) for level in (0, 100, 200)]
    memory.remember(pictures[0], 0)
    memory.remember(pictures[1], 1)
    assert memory.recall(pictures[0]) == 0
    memory.remember(pictures[2], 2)
    assert [memory.recall(picture) for picture in pictures] == [0, None, 2]
