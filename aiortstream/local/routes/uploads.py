"""Files that are posted here. The permission is in the path, as in the presigned URLs of the hosted service."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from aiohttp import BodyPartReader, MultipartReader, web

from aiortstream.local.routes.answers import done
from aiortstream.local.routes.keys import SERVICES, SIGNER
from aiortstream.local.routes.table import Access, Routes
from aiortstream.local.services.errors import BadRequest, Forbidden
from aiortstream.local.urls import TokenRefused, upload_scope

routes = Routes(Access.CAPABILITY)

FIELD = "file"
_CHUNK = 256 * 1024  # bytes


@routes.post("/p/{token}/uploads/{upload_id}")
async def post_file(request: web.Request) -> web.Response:
    """Keep the file in the field `file` of a form until a video is asked for."""
    upload_id = request.match_info["upload_id"]
    try:
        request.app[SIGNER].check(upload_scope(upload_id), request.match_info["token"])
    except TokenRefused as refused:
        raise Forbidden(str(refused)) from None
    try:
        part = await _file_in(request)
        async with aclosing(_blocks(part)) as blocks:
            size = await request.app[SERVICES].uploads.receive(upload_id, blocks)
    except (web.RequestPayloadError, ConnectionError, ValueError) as error:
        raise BadRequest(f"file: the form broke off, or is none ({type(error).__name__})") from error
    return done(f"{size} bytes uploaded")


async def _file_in(request: web.Request) -> BodyPartReader:
    if request.content_type != "multipart/form-data":
        raise BadRequest(f"file: expected a form (multipart/form-data), got {request.content_type}")
    reader = await request.multipart()
    while (part := await reader.next()) is not None:
        if not isinstance(part, MultipartReader) and part.name == FIELD:
            return part
    raise BadRequest(f"{FIELD}: it is required, and the form has none")


async def _blocks(part: BodyPartReader) -> AsyncGenerator[bytes, None]:
    while block := await part.read_chunk(_CHUNK):
        yield bytes(block)
