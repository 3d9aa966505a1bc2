"""Collections and videos with the official SDK 0.5.1, unmodified; prints what it saw as JSON.

    python videos.py SERVER_URL API_KEY FILE

Only names of the official SDK are used, and only the standard library beside it.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from typing import Any

import videodb
from videodb import IndexType, SearchType
from videodb.exceptions import InvalidRequestError, SearchError, VideodbError


def refused(*calls: Callable[[], Any]) -> list[str]:
    """What the SDK makes of refusals."""
    told = []
    for call in calls:
        try:
            call()
        except VideodbError as error:
            told.append(f"{type(error).__name__}: {error}")
        else:
            told.append("not refused")
    return told


def manage(conn: Any) -> dict[str, Any]:
    """Collections."""
    made = conn.create_collection(name="Porch", description="What the camera saw")
    changed = conn.update_collection(id=made.id, name="Yard", description="Behind the house")
    told = {
        "made": [made.name, made.description, made.is_public],
        "changed": [changed.name, changed.description],
        "listed": made.id in [each.id for each in conn.get_collections()],
        "refused": refused(conn.get_collection("default").delete, lambda: conn.create_collection("", "d")),
    }
    made.delete()
    told["left"] = len(conn.get_collections())
    return told


def search(coll: Any, video: Any, text: str) -> dict[str, Any]:
    """Both searches, and what is made of what they find."""
    found = video.search(text)
    told: dict[str, Any] = {"v2": [[shot.text, shot.start, shot.end] for shot in found.get_shots()]}
    told["compiled"] = found.compile()
    told["embedded"] = found.get_embed_code()
    legacy = coll.search(text, search_type=SearchType.semantic, index_type=IndexType.spoken_word)
    told["legacy"] = [[shot.video_id, shot.text] for shot in legacy.get_shots()]
    shot = legacy[0]
    told["shot"] = [shot.generate_stream(), shot.player_url]
    told["keyword"] = len(video.search(text.split()[0], search_type=SearchType.keyword))
    told["nothing"] = refused(
        lambda: video.legacy_search("zebra", search_type=SearchType.keyword),
        lambda: video.search("zebra", score_threshold=0.99).compile(),
    )
    return told


def pictures(video: Any) -> list[Any]:
    """Thumbnails: the usual one, one of a time, and all."""
    usual, made = video.generate_thumbnail(), video.generate_thumbnail(time=2.0)
    return [usual, made.id, made.url, sorted(each.id for each in video.get_thumbnails())]


def main() -> None:
    """Upload, transcribe, index, search, compile, delete."""
    url, key, file = sys.argv[1:4]
    conn = videodb.connect(api_key=key, base_url=url)
    told: dict[str, Any] = {"collections": manage(conn)}
    coll = conn.get_collection()
    video = coll.upload(file_path=file, name="Front door")
    told["video"] = [video.id, video.name, video.length, video.stream_url, video.player_url]
    told["got"] = [coll.get_video(video.id).length, [each.id for each in coll.get_videos()]]
    video.update(name="Back door")
    told["renamed"] = coll.get_video(video.id).name
    told["timeline"] = video.generate_stream(timeline=[(0, 1), (2, 3)])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        told["before"] = [len(video.search("door")), [str(each.message) for each in caught]]
    video.index_spoken_words(force=True)
    told["again"] = refused(video.index_spoken_words)
    told["words"] = video.get_transcript()[:3]
    sentences = video.get_transcript(segmenter="sentence")
    told["text"] = video.get_transcript_text()
    told["generated"] = video.generate_transcript()
    wanted = max((each["text"] for each in sentences), key=len)
    told["wanted"] = wanted
    told["search"] = search(coll, video, wanted)
    told["pictures"] = pictures(video)
    told["lacking"] = refused(
        coll.make_public,
        lambda: video.index_scenes(prompt="Describe"),
        lambda: video.generate_transcript(force=True, language_code="hi"),
        lambda: coll.generate_text("Write a poem"),
        coll.get_audios,
    )
    coll.make_private()
    told["refused"] = refused(
        lambda: coll.upload(file_path=__file__),
        lambda: coll.upload(url="gopher://x/y"),
        lambda: coll.get_video("m-none"),
        lambda: video.generate_stream(timeline=[(5, 1)]),
    )
    video.remove_storage()
    video.delete()
    told["deleted"] = [refused(lambda: coll.get_video(video.id)), len(coll.get_videos())]
    told["errors"] = [issubclass(InvalidRequestError, VideodbError), issubclass(SearchError, VideodbError)]
    print(json.dumps(told))


if __name__ == "__main__":
    main()
