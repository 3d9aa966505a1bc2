"""Draws the slides of the bundled sample: a door camera's morning, in five flat pictures with large captions.

Everything is drawn here with the font that Pillow carries, so the slides belong to the project and look the same
wherever they are drawn. Coordinates are pixels of the 1280 x 720 picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, HEIGHT = 1280, 720
_SCALE = 2  # drawn this much larger and shrunk, for smooth edges

Colour = tuple[int, int, int]
Box = tuple[float, float, float, float]

_WHITE: Colour = (255, 255, 255)
_SKY: Colour = (205, 226, 242)
_WALL: Colour = (240, 228, 208)
_WALL_EDGE: Colour = (205, 188, 160)
_PAVING: Colour = (176, 180, 184)
_STEP: Colour = (140, 145, 150)
_FRAME: Colour = (250, 250, 250)
_DOOR: Colour = (92, 58, 40)
_DOOR_PANEL: Colour = (116, 76, 54)
_HALL: Colour = (255, 214, 122)
_BRASS: Colour = (232, 184, 60)
_GLASS: Colour = (112, 150, 176)
_DARK: Colour = (38, 44, 54)
_ROAD: Colour = (88, 94, 102)

# The window that the pictures are seen through, right of the captions. The centre of the frame is left to the
# background, so that a test can tell a slide by the colour there.
_VIEW: Box = (704, 96, 1216, 624)
_EAVES = 256  # where the sky ends and the house begins
_CLOUD_SIZE = (150, 64)
_CLOUD_TOP = 144


class Picture(Protocol):
    """Draws what happens on a slide."""

    def __call__(self, pen: Pen) -> None:
        """Draw over the house."""


@dataclass(frozen=True, slots=True)
class Slide:
    """`caption` is the two lines in large letters; `clock` stands below them; `colour` names `background`."""

    colour: str
    background: Colour
    caption: tuple[str, str]
    clock: str
    label: str
    picture: Picture

    @property
    def text(self) -> tuple[str, ...]:
        """Every line on the slide, from the top down."""
        return (CAMERA, *self.caption, self.clock)


class Pen:
    """Shapes in picture coordinates on a larger canvas."""

    def __init__(
        self, size: tuple[int, int], background: Colour | tuple[int, int, int, int], mode: str = "RGB"
    ) -> None:
        self.image = Image.new(mode, (size[0] * _SCALE, size[1] * _SCALE), background)
        self._draw = ImageDraw.Draw(self.image)

    def box(self, box: Box, fill: Colour, *, round_by: float = 0) -> None:
        """A filled rectangle, its corners rounded by a radius."""
        self._draw.rounded_rectangle(_scaled(box), round_by * _SCALE, fill=fill)

    def disc(self, centre: tuple[float, float], radius: float, fill: Colour) -> None:
        """A filled circle."""
        x, y = centre
        self._draw.ellipse(_scaled((x - radius, y - radius, x + radius, y + radius)), fill=fill)

    def shape(self, points: Sequence[tuple[float, float]], fill: Colour) -> None:
        """A filled polygon."""
        self._draw.polygon([(x * _SCALE, y * _SCALE) for x, y in points], fill=fill)

    def text(self, at: tuple[float, float], text: str, size: float, *, bold: bool = False) -> None:
        """White text; `at` is the left end of its baseline, `size` the font's."""
        font = ImageFont.load_default(size * _SCALE)
        # The font comes in one weight: an outline makes the bold one.
        stroke = round(size * _SCALE / 40) if bold else 0
        at_scaled = (at[0] * _SCALE, at[1] * _SCALE)
        self._draw.text(at_scaled, text, fill=_WHITE, font=font, anchor="ls", stroke_width=stroke)

    def shrunk(self) -> Image.Image:
        """The finished picture, in its own size."""
        return self.image.reduce(_SCALE)


def still(slide: Slide) -> Image.Image:
    """A slide without what moves on it."""
    pen = Pen((WIDTH, HEIGHT), slide.background)
    pen.text((72, 142), CAMERA, 36)
    pen.box((72, 168, 152, 176), _WHITE)
    pen.text((72, 350), slide.caption[0], 70, bold=True)
    pen.text((72, 440), slide.caption[1], 70, bold=True)
    pen.text((72, 610), slide.clock, 64)
    _house(pen)
    slide.picture(pen)
    _trim(pen, slide.background)
    return pen.shrunk()


def cloud() -> Image.Image:
    """What moves: a cloud with a soft edge, RGBA."""
    width, height = _CLOUD_SIZE
    pen = Pen(_CLOUD_SIZE, (*_WHITE, 0), "RGBA")
    pen.box((4, height - 30, width - 4, height), _WHITE, round_by=15)
    pen.disc((48, height - 30), 24, _WHITE)
    pen.disc((88, height - 34), 30, _WHITE)
    return pen.shrunk()


def with_cloud(picture: Image.Image, drifting: Image.Image, travelled: float) -> Image.Image:
    """A frame: the still with the cloud in its sky, `travelled` from 0 (left end of the sky) to 1 (right end)."""
    left, right = _VIEW[0] + 16, _VIEW[2] - 16 - _CLOUD_SIZE[0]
    frame = picture.copy()
    # Even positions are whole chroma samples: the encoder can then describe the movement alone.
    frame.paste(drifting, (round((left + travelled * (right - left)) / 2) * 2, _CLOUD_TOP), drifting)
    return frame


def _scaled(box: Box) -> Box:
    left, top, right, bottom = box
    # Pillow's boxes include their last pixel.
    return left * _SCALE, top * _SCALE, right * _SCALE - 1, bottom * _SCALE - 1


def _house(pen: Pen) -> None:
    left, _, right, bottom = _VIEW
    pen.box(_VIEW, _SKY)
    pen.box((left, _EAVES, right, bottom - 64), _WALL)
    pen.box((left, _EAVES, right, _EAVES + 8), _WALL_EDGE)
    pen.box((left, bottom - 64, right, bottom), _PAVING)
    pen.box((736, 320, 832, 432), _FRAME)
    pen.box((744, 328, 824, 424), _GLASS)
    pen.box((780, 328, 788, 424), _FRAME)
    pen.box((744, 372, 824, 380), _FRAME)
    pen.box((728, 432, 840, 440), _WALL_EDGE)
    pen.box((1120, 328, 1152, 376), _DARK, round_by=6)
    pen.disc((1136, 352), 10, _BRASS)
    pen.box((896, 288, 1072, 544), _FRAME)
    pen.box((880, 544, 1088, 568), _STEP)


def _trim(pen: Pen, background: Colour) -> None:
    """Cut what was drawn beyond the window, and give it a frame."""
    left, top, right, bottom = _VIEW
    pen.box((left - 8, top - 8, right + 8, top), _FRAME)
    pen.box((left - 8, bottom, right + 8, bottom + 8), _FRAME)
    pen.box((left - 8, top - 8, left, bottom + 8), _FRAME)
    pen.box((right, top - 8, right + 8, bottom + 8), _FRAME)
    pen.box((right + 8, top, WIDTH, bottom), background)


def _closed_door(pen: Pen) -> None:
    pen.box((912, 304, 1056, 544), _DOOR)
    for x in (928, 992):
        pen.box((x, 320, x + 48, 408), _DOOR_PANEL)
        pen.box((x, 424, x + 48, 528), _DOOR_PANEL)
    pen.disc((1044, 432), 7, _BRASS)


def _open_door(pen: Pen) -> None:
    pen.box((912, 304, 1056, 544), _HALL)
    pen.shape([(912, 544), (1056, 544), (1024, 504), (944, 504)], (214, 160, 92))
    pen.disc((1000, 352), 16, _WHITE)
    pen.shape([(912, 304), (856, 288), (856, 566), (912, 544)], _DOOR)
    pen.shape([(904, 324), (868, 314), (868, 412), (904, 410)], _DOOR_PANEL)
    pen.shape([(904, 428), (868, 430), (868, 540), (904, 526)], _DOOR_PANEL)


def _parcel(pen: Pen) -> None:
    pen.box((936, 488, 1032, 560), (196, 146, 88))
    pen.box((976, 488, 992, 560), (232, 206, 160))
    pen.box((1000, 536, 1024, 552), _WHITE)


def _person(pen: Pen) -> None:
    """Somebody seen from behind, in a blue coat."""
    pen.box((956, 470, 980, 562), _DARK, round_by=6)
    pen.box((988, 470, 1012, 562), _DARK, round_by=6)
    pen.box((928, 384, 952, 480), (48, 66, 104), round_by=11)
    pen.box((1016, 384, 1040, 480), (48, 66, 104), round_by=11)
    pen.box((944, 376, 1024, 496), (58, 80, 124), round_by=18)
    pen.box((974, 360, 994, 384), (222, 176, 146), round_by=6)
    pen.disc((984, 344), 26, (84, 56, 40))


def _van(pen: Pen) -> None:
    left, _, right, bottom = _VIEW
    pen.box((left, bottom - 64, right, bottom), _ROAD)
    for x in (720, 848, 976, 1104):
        pen.box((x, bottom - 16, x + 64, bottom - 8), _FRAME)
    pen.box((744, 392, 1056, 568), _BRASS)
    pen.shape([(1056, 424), (1104, 424), (1144, 496), (1176, 512), (1176, 568), (1056, 568)], _BRASS)
    pen.shape([(1072, 440), (1096, 440), (1128, 496), (1072, 496)], _DARK)
    pen.box((744, 528, 1176, 544), (190, 140, 30))
    pen.box((736, 560, 1184, 576), _DARK)
    for x in (824, 1104):
        pen.disc((x, 572), 34, _DARK)
        pen.disc((x, 572), 15, _PAVING)


def _nothing_new(pen: Pen) -> None:
    _closed_door(pen)


def _van_before_the_house(pen: Pen) -> None:
    _closed_door(pen)
    _van(pen)


def _person_at_the_door(pen: Pen) -> None:
    _closed_door(pen)
    _person(pen)


def _parcel_on_the_step(pen: Pen) -> None:
    _closed_door(pen)
    _parcel(pen)


CAMERA = "CAMERA 1"
SLIDES = (
    Slide("blue", (28, 70, 150), ("FRONT DOOR", "CLOSED"), "08:14", "door_closed", _nothing_new),
    Slide("orange", (190, 88, 10), ("DELIVERY VAN", "ARRIVED"), "08:15", "van_arrived", _van_before_the_house),
    Slide("green", (22, 108, 62), ("PERSON AT", "THE DOOR"), "08:16", "person_at_door", _person_at_the_door),
    Slide("purple", (98, 44, 140), ("PARCEL LEFT", "ON THE STEP"), "08:17", "parcel_left", _parcel_on_the_step),
    Slide("red", (168, 30, 44), ("FRONT DOOR", "OPEN"), "08:19", "door_open", _open_door),
)
