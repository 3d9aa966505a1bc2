"""The sound of a stored video, in chunks as models take it. Blocks: call it on a thread, one call at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Stream

from aiortstream.local.ingest.clock import Session
from aiortstream.local.ingest.sound import SoundDecoder
from aiortstream.local.ingest.taps import TapSet
from aiortstream.local.media import AudioChunk

from .files import MediaError, open_media

_FROM_THE_BEGINNING = Session(1, 0.0)


class SoundReader:
    """Reads a file from its beginning; times of chunks are seconds from there."""

    def __init__(self, path: Path) -> None:
        """Raises `MediaError` for a file without sound, or that cannot be read."""
        self._heard: list[AudioChunk] = []  # decoded and not handed out
        with ExitStack() as stack:
            container = stack.enter_context(open_media(path))
            self._chunks = self._decode(container, _sound_of(container))
            self._stack = stack.pop_all()

    def read(self, seconds: float) -> list[AudioChunk]:
        """The next chunks, of about so many seconds of sound; empty at the end."""
        taken: list[AudioChunk] = []
        length = 0.0
        for chunk in self._chunks:
            taken.append(chunk)
            length += chunk.end - chunk.start
            if length >= seconds:
                break
        return taken

    def close(self) -> None:
        """Close the file."""
        self._stack.close()

    def on_audio(self, chunk: AudioChunk) -> None:
        """Take what the decoder hands out."""
        self._heard.append(chunk)

    def _decode(self, container: InputContainer, sound: AudioStream) -> Iterator[AudioChunk]:
        taps = TapSet("sound of a video")
        taps.add_audio(self)
        decoder = SoundDecoder(sound, taps)
        wanted: list[Stream] = [sound]
        for packet in container.demux(wanted):
            if packet.dts is not None:
                decoder.decode(packet, _FROM_THE_BEGINNING)
            yield from self._take()
        decoder.flush()
        yield from self._take()

    def _take(self) -> list[AudioChunk]:
        heard, self._heard = self._heard, []
        return heard


def _sound_of(container: InputContainer) -> AudioStream:
    sound = next(iter(container.streams.audio), None)
    if sound is None:
        raise MediaError("it has no sound")
    return sound
