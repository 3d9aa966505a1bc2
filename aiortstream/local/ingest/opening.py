"""Opening a source with libav: the options each scheme needs, what it may reach, which of its streams are wanted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import av
import av.error
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Discard, Disposition
from av.video.stream import VideoStream

from .errors import Remedy, SourceError, opening_failed
from .source import SourceSpec

AUDIO, VIDEO = "audio", "video"

# What a source may make libav open. A playlist or redirect from the network must not reach files of this machine.
_PROTOCOLS = {
    "rtsp": "tcp",
    "rtsps": "tls,tcp",
    "rtmp": "rtmp,tcp",
    "rtmps": "rtmps,tls,tcp",
    "http": "http,https,tls,tcp,crypto",
    "https": "http,https,tls,tcp,crypto",
    "srt": "srt,udp",
    "file": "file,crypto",
}
# Demuxers that read media, and none of those that are scripts over other files (concat, sdp, image sequences).
_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,flv,live_flv,mpegts,mpeg,hls,avi,asf,ogg,wav,mp3,aac,flac,ac3,h264,hevc,"
    "mjpeg,mpjpeg,rtsp"
)
# What a file of this machine may not be: a playlist, which names other files.
_PLAYLISTS = "hls"
# libav's own limit on waiting for a socket, in microseconds, and how often it waits so long before it gives up.
_SOCKET_TIMEOUTS = {"rtsp": "timeout", "rtsps": "timeout", "rtmp": "rw_timeout", "rtmps": "rw_timeout"}
_READ_TRIES = 2
_PATIENCE = 6.0  # seconds of media to look through when a wanted stream did not show up in the usual time


@dataclass(frozen=True, slots=True)
class Opened:
    """An open source and the streams of it that are wanted; a stream the source has not got is None."""

    container: InputContainer
    video: VideoStream | None
    audio: AudioStream | None

    @property
    def streams(self) -> list[VideoStream | AudioStream]:
        return [stream for stream in (self.video, self.audio) if stream is not None]

    @property
    def missing(self) -> list[str]:
        """What the source has not got, of what it could have."""
        return [kind for kind, stream in ((VIDEO, self.video), (AUDIO, self.audio)) if stream is None]


def open_container(
    spec: SourceSpec, *, media_types: frozenset[str], open_timeout: float = 10.0, read_timeout: float = 5.0
) -> Opened:
    """Open a source for the wanted media types ("audio", "video"); blocks for up to `open_timeout` seconds, twice.

    Each later read blocks for up to `read_timeout` seconds and then fails. Raises `SourceError`.
    """
    opened = _open(spec, media_types, (open_timeout, read_timeout), patience=None)
    if spec.scheme in ("rtmp", "rtmps") and not spec.listen and media_types.intersection(opened.missing):
        # A server that sends its last group of pictures first may show the sound alone in the usual time.
        opened.container.close()
        opened = _open(spec, media_types, (max(open_timeout, _PATIENCE + 4), read_timeout), patience=_PATIENCE)
    if not opened.streams:
        opened.container.close()
        raise SourceError(f"the source has no {' and no '.join(sorted(media_types))}", Remedy.RETRY_SLOWLY)
    return opened


def _open(
    spec: SourceSpec, media_types: frozenset[str], timeouts: tuple[float, float], patience: float | None
) -> Opened:
    options = dict(_options(spec, *timeouts))
    if patience is not None:
        options["analyzeduration"] = str(int(patience * 1e6))
    started = time.monotonic()
    try:
        # PyAV's own limit on reading calls back into Python at every poll; half of all cost where libav has one itself.
        read_timeout = None if spec.scheme in _SOCKET_TIMEOUTS else timeouts[1]
        container = av.open(spec.url, options=options, timeout=(timeouts[0], read_timeout))
    except (av.error.FFmpegError, OSError, ValueError) as error:
        # Some demuxers, RTSP's among them, report the interruption as an error of their own.
        timed_out = isinstance(error, av.error.ExitError) or time.monotonic() - started >= timeouts[0]
        if timed_out:
            raise SourceError("no encoder has pushed to this address yet" if spec.listen else "timed out") from error
        raise opening_failed(error) from error
    video = _best_video(container) if VIDEO in media_types else None
    audio = next(iter(container.streams.audio), None) if AUDIO in media_types else None
    for stream in container.streams:
        if stream not in (video, audio):
            stream.discard = Discard.all  # so that HLS does not download renditions that nobody watches
    return Opened(container, video, audio)


def _options(spec: SourceSpec, open_timeout: float, read_timeout: float) -> Iterator[tuple[str, str]]:
    yield "protocol_whitelist", _PROTOCOLS[spec.scheme]
    yield (
        "format_whitelist",
        ",".join(name for name in _FORMATS.split(",") if spec.scheme != "file" or name != _PLAYLISTS),
    )
    if spec.scheme in ("rtsp", "rtsps"):
        yield "rtsp_transport", "tcp"
    if spec.scheme in _SOCKET_TIMEOUTS:
        yield _SOCKET_TIMEOUTS[spec.scheme], str(int(read_timeout / _READ_TRIES * 1e6))
    if spec.listen:
        yield "listen", "1"
        yield "timeout", str(max(1, int(open_timeout)))


def _best_video(container: InputContainer) -> VideoStream | None:
    """The largest video, cover pictures aside."""
    videos = [video for video in container.streams.video if not video.disposition & Disposition.attached_pic]
    return max(videos, key=lambda video: video.width * video.height, default=None)
