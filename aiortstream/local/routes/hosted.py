"""What the hosted service does and this server does not: refused as what it is, with what does it here, if anything.

These are the paths of the official SDK 0.5.1. What this server comes to have is served before anybody looks here.
"""

from __future__ import annotations

import re

_MEDIA = r"/(?:video|collection)/[^/]+"
_PICTURES = "the pictures of streams are described here: rtstream.index_visuals(...)"
_WORDS = "what is said in videos is searched here: video.index_spoken_words(), video.search(...)"

_ONLY: tuple[tuple[str, str], ...] = (
    (
        r"/video/[^/]+/(?:index/scene|scenes|frame|understand|indexes)(?:/.*)?",
        f"scene indexes of videos; {_PICTURES}",
    ),
    (rf"{_MEDIA}/(?:ask|semantic-search|query|aggregate)", f"this kind of question; {_WORDS}"),
    (r"/collection/[^/]+/search/title", f"search in titles; {_WORDS}"),
    (r"/collection/[^/]+/video/[^/]+/translate", "translations; it transcribes English"),
    (r"/collection/[^/]+/generate/.*", "what generates media or text"),
    (
        r"/video/[^/]+/(?:workflow|clip|reframe|meeting)",
        "edits of videos; video.generate_stream(timeline) plays stretches",
    ),
    (r"/audio(?:/.*)?", "sounds apart from videos; an uploaded sound is kept as a video without pictures"),
    (r"/image(?:/.*)?", "pictures apart from videos; video.generate_thumbnail(...) makes those of one"),
    (r"/(?:download|transcode|timeline|editor|voice_clone|sandbox|identities|billing)(?:/.*)?", "what is asked for"),
    (r"/(?:meeting|collection/[^/]+/meeting)(?:/.*)?", "recordings of meetings"),
)
_KNOWN = tuple((re.compile(pattern), what) for pattern, what in _ONLY)


def hosted_only(path: str) -> str | None:
    """Why a path of the hosted service is refused here; None for one that it has not either."""
    path = path.rstrip("/")
    what = next((what for pattern, what in _KNOWN if pattern.fullmatch(path)), None)
    if what is None:
        return None
    lacks, _, instead = what.partition("; ")
    return f"the hosted service has {lacks}, this server has not{f': {instead}' if instead else ''}"
