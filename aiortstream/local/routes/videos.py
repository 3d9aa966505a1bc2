"""Exported videos."""

from __future__ import annotations

from aiohttp import web

from aiortstream.local.routes.answers import ok
from aiortstream.local.routes.keys import SERVICES
from aiortstream.local.routes.table import Routes

routes = Routes()


@routes.get("/video/{video_id}")
async def get_video(request: web.Request) -> web.Response:
    """One video."""
    return ok(await request.app[SERVICES].videos.get(request.match_info["video_id"]))
