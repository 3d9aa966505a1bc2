"""Files that are posted here. The permission is in the path, as in the presigned URLs of the hosted service."""

from __future__ import annotations

from contextlib import aclosing

from aiohttp import web

from aiortstream.local.routes.answers import Said
from aiortstream.local.routes.bodies import Form, FormFile
from aiortstream.local.routes.keys import SERVICES, SIGNER
from aiortstream.local.routes.table import Access, Routes
from aiortstream.local.services.errors import Forbidden
from aiortstream.local.urls import TokenRefused, upload_scope

routes = Routes(Access.CAPABILITY)

_CHUNK = 256 * 1024  # bytes


@routes.post("/p/{token}/uploads/{upload_id}", body=Form("file"), answer=Said())
async def post_file(request: web.Request, file: FormFile) -> str:
    """Keep the file in the field `file` of a form until a video is asked for."""
    upload_id = request.match_info["upload_id"]
    try:
        request.app[SIGNER].check(upload_scope(upload_id), request.match_info["token"])
    except TokenRefused as refused:
        raise Forbidden(str(refused)) from None
    async with aclosing(file.blocks(_CHUNK)) as blocks:
        size = await request.app[SERVICES].uploads.receive(upload_id, blocks)
    return f"{size} bytes uploaded"
