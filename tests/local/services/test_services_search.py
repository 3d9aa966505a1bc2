"""Search by meaning and by words, over blocks of vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from core_fakes import T0, Core, FakeModels, embed, open_core

from aiortstream.local.services.errors import BadRequest, NotFound
from aiortstream.local.services.vectors import VectorScan
from aiortstream.local.store import finding, scenes
from aiortstream.local.store.database import Database
from aiortstream.wire.rest import SearchRecord, SearchRequest

MS = round(T0 * 1000)


async def write(core: Core, index_id: str, *texts: str, model: str = "fake") -> None:
    """Scenes of two seconds, one after the other."""
    for number, text in enumerate(texts):
        vector = scenes.Embedding(model, finding.pack(embed(text)))
        await core.db.run(
            lambda conn, n=number, text=text, vector=vector: scenes.add(  # type: ignore[misc]
                conn,
                index_id,
                start_ms=MS + n * 2_000,
                end_ms=MS + n * 2_000 + 2_000,
                text=text,
                metadata={"n": n},
                model="m",
                embedding=vector,
            )
        )


def found(results: list[SearchRecord]) -> list[str | None]:
    return [result.text for result in results]


async def test_the_best_comes_first_with_its_time_and_its_index(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        stream, _ = await core.connect()
        index_id = await core.index(stream)
        await write(core, index_id, "an empty yard", "a red car arrives", "a person with a red coat", "rain")
        answer = await core.services.search.stream(stream.id, SearchRequest("red car"))
        best = answer.results[0]
        assert (best.text, best.start, best.end) == ("a red car arrives", T0 + 2, T0 + 4)
        assert (best.scene_index_id, best.metadata) == (index_id, {"n": 1})
        scores = [result.score or 0 for result in answer.results]
        assert scores == sorted(scores, reverse=True)
        assert all(0.2 <= score <= 1 for score in scores)
        assert "rain" not in found(answer.results)


async def test_nothing_found_is_an_empty_list(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        stream, _ = await core.connect()
        assert (await core.services.search.stream(stream.id, SearchRequest("anything"))).results == []
        await core.index(stream)
        assert (await core.services.search.stream(stream.id, SearchRequest("anything"))).results == []


async def test_neighbours_that_say_the_same_are_one(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        stream, _ = await core.connect()
        index_id = await core.index(stream)
        await write(core, index_id, "a red car", "a red car", "a dog", "a red car")
        results = (await core.services.search.stream(stream.id, SearchRequest("red car"))).results
        assert [(result.start - T0, result.end - T0) for result in results if result.text == "a red car"] == [
            (6, 8),
            (0, 4),
        ]


async def test_thresholds_as_shares_and_as_percentages(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        stream, _ = await core.connect()
        index_id = await core.index(stream)
        await write(core, index_id, "red car", "red car and a dog and a cat", "red house of somebody else over there")

        async def ask(**how: object) -> list[str | None]:
            return found((await core.services.search.stream(stream.id, SearchRequest("red car", **how))).results)  # type: ignore[arg-type]

        assert len(await ask(score_threshold=0)) == 3
        assert await ask(score_threshold=0.95) == await ask(score_threshold=95) == ["red car"]
        assert await ask(result_threshold=1) == ["red car"]
        assert await ask(dynamic_score_percentage=0.99) == ["red car"]
        assert await ask(filter=[]) == await ask()


async def test_one_index_alone(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        stream, _ = await core.connect()
        one, other = await core.index(stream), await core.index(stream)
        await write(core, one, "red car")
        await write(core, other, "red car too")
        request = SearchRequest("red car", scene_index_id=other)
        assert found((await core.services.search.stream(stream.id, request)).results) == ["red car too"]
        with pytest.raises(NotFound, match="i-x"):
            await core.services.search.stream(stream.id, SearchRequest("x", scene_index_id="i-x"))


async def test_a_collections_search_says_which_stream(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        ids = []
        for text in ("red car", "blue car"):
            stream, _ = await core.connect()
            ids.append(stream.id)
            await write(core, await core.index(stream), text)
        answer = await core.services.search.collection("default", SearchRequest("car"))
        assert {result.rtstream_id for result in answer.results} == set(ids)
        assert {(result.id == result.rtstream_id, result.rtstream_name) for result in answer.results} == {
            (True, "Front door")
        }
        with pytest.raises(NotFound):
            await core.services.search.collection("c-x", SearchRequest("car"))


@pytest.mark.parametrize("failing", ["embed"])
async def test_without_embeddings_words_alone_find(tmp_path: Path, failing: str) -> None:
    async with open_core(tmp_path, models=FakeModels(failing={failing})) as core:
        stream, _ = await core.connect()
        await write(core, await core.index(stream), "a red car arriving", "nothing")
        answer = await core.services.search.stream(stream.id, SearchRequest("cars arrive"))
        assert [(result.text, result.score) for result in answer.results] == [("a red car arriving", 0.5)]


async def test_vectors_of_another_model_are_not_compared(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        stream, _ = await core.connect()
        await write(core, await core.index(stream), "a red car", model="older")
        answer = await core.services.search.stream(stream.id, SearchRequest("red car"))
        assert [result.score for result in answer.results] == [0.5]


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (SearchRequest(" "), "query: expected"),
        (SearchRequest("x" * 4001), "query: expected"),
        (SearchRequest("x", result_threshold=0), "result_threshold: expected"),
        (SearchRequest("x", score_threshold=-0.1), "score_threshold: expected"),
        (SearchRequest("x", dynamic_score_percentage=101), "dynamic_score_percentage: expected"),
        (SearchRequest("x", filter=[{"a": 1}]), "filter: this server knows no filters"),
    ],
)
async def test_searches_that_cannot_be_meant(tmp_path: Path, request_: SearchRequest, said: str) -> None:
    async with open_core(tmp_path) as core:
        stream, _ = await core.connect()
        with pytest.raises(BadRequest, match=said):
            await core.services.search.stream(stream.id, request_)
        with pytest.raises(BadRequest, match=said):
            await core.services.search.collection("default", request_)


async def test_queries_that_full_text_search_could_trip_over(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        stream, _ = await core.connect()
        await write(core, await core.index(stream), "a red car")
        for query in ('"', "AND OR NOT", "a* (b)", "col:x", "NEAR(", "'; --", "红", "🚗", "%", "\x00"):
            await core.services.search.stream(stream.id, SearchRequest(query))


async def test_vectors_in_blocks_agree_with_one_comparison_and_keep_to_their_memory(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(250, 64)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    async with open_core(tmp_path) as core:
        stream, _ = await core.connect()
        index_id = await core.index(stream)
        for number, vector in enumerate(vectors):
            row = scenes.Embedding("e", finding.pack(vector))
            await core.db.run(
                lambda conn, n=number, row=row: scenes.add(  # type: ignore[misc]
                    conn, index_id, start_ms=n, end_ms=n + 1, text="t", metadata=None, model="m", embedding=row
                )
            )
        wanted = vectors @ vectors[17]
        best = [int(place) for place in np.argsort(wanted)[::-1][:10]]

        def check(nearest: dict[int, float]) -> None:
            assert sorted(nearest, key=lambda key: -nearest[key]) == [place + 1 for place in best]
            for place in best:
                assert nearest[place + 1] == pytest.approx(float(wanted[place]), abs=2e-3)

        roomy = VectorScan(core.db, block_scenes=100)
        for _ in range(2):
            check(dict(await roomy.nearest([index_id], "e", vectors[17], limit=10)))
        assert roomy.bytes == 2 * 100 * (64 * 4 + 8)  # the last block still grows

        cramped = VectorScan(core.db, block_scenes=100, max_bytes=30_000)
        check(dict(await cramped.nearest([index_id], "e", vectors[17], limit=10)))
        assert cramped.bytes <= 30_000


async def test_a_full_block_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_core(tmp_path) as core:
        stream, _ = await core.connect()
        index_id = await core.index(stream)
        await write(core, index_id, *(f"scene {number}" for number in range(5)))
        scan = VectorScan(core.db, block_scenes=2)
        reads: list[object] = []
        read = Database.read

        async def counted(self: Database, function: object) -> object:
            reads.append(function)
            return await read(self, function)  # type: ignore[arg-type]

        monkeypatch.setattr(Database, "read", counted)
        for wanted in (3, 4):
            await scan.nearest([index_id], "fake", embed("scene 1"), limit=3)
            assert len(reads) == wanted
