"""Bodies: what is wrong, where, and what fits."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request

from aiortstream.local.routes.bodies import Json
from aiortstream.local.services.errors import BadRequest
from aiortstream.wire.rest import (
    ActionRequest,
    AlertStatusRequest,
    ConnectRequest,
    ExportRequest,
    Request,
    SceneIndexRequest,
    SearchRequest,
)


async def read(raw: bytes, expected: type[Request]) -> Request:
    request = make_mocked_request("POST", "/")
    request._read_bytes = raw
    return await Json(expected).read(request)


@pytest.mark.parametrize(
    ("raw", "expected", "said"),
    [
        (b'{"url":1}', ConnectRequest, "url: expected text, got a whole number"),
        (b"{}", ConnectRequest, "url: it is required, and the body has none"),
        (b"", ConnectRequest, "url: it is required"),
        (b"[]", ConnectRequest, "the body: expected an object, got a list"),
        (b"null", ConnectRequest, "the body: expected an object, got null"),
        (b'{"url":null}', ConnectRequest, "url: expected text, got null"),
        (
            b'{"url":"x","media_types":["foo"]}',
            ConnectRequest,
            r"media_types\[0\]: expected 'audio' or 'video', got 'foo'",
        ),
        (b'{"url":"x","media_types":"video"}', ConnectRequest, "media_types: expected a list or null, got text"),
        (
            b'{"url":"x","sample_rate":1.5}',
            ConnectRequest,
            "sample_rate: expected a whole number or null, got a number",
        ),
        (b'{"url":"x","store":"yes"}', ConnectRequest, "store: expected true or false or null, got text"),
        (b'{"action":"go"}', ActionRequest, "action: expected 'start' or 'stop', got 'go'"),
        (b'{"action":"go"}', AlertStatusRequest, "action: expected 'disable' or 'enable', got 'go'"),
        (b'{"query":"x","filter":[1]}', SearchRequest, r"filter\[0\]: expected an object, got a whole number"),
        (b" \n", ExportRequest, "not valid JSON"),
        (b"nope", ConnectRequest, 'not valid JSON .*: expected an object such as {"url": ...}'),
        (b'{"url":', ConnectRequest, "not valid JSON"),
        (b'{"url":"\xff"}', ConnectRequest, "not valid JSON"),
        (b'{"filter":' + b'[{"a":' * 5000, SearchRequest, "not valid JSON"),
        (b'{"query":"x","score_threshold":NaN}', SearchRequest, "not valid JSON"),
    ],
)
async def test_what_is_wrong_is_named(raw: bytes, expected: type[Request], said: str) -> None:
    with pytest.raises(BadRequest, match=said):
        await read(raw, expected)


async def test_null_is_absent() -> None:
    body = await read(
        b'{"extraction_type":"time","extraction_config":null,"prompt":null,"model_name":null,"model_config":{},'
        b'"name":null,"ws_connection_id":null,"something_new":1}',
        SceneIndexRequest,
    )
    assert isinstance(body, SceneIndexRequest)
    assert body.extraction_config is None
    assert body.ws_connection_id is None


async def test_an_empty_body_is_an_empty_object() -> None:
    assert await read(b"", ExportRequest) == ExportRequest()
