"""Results of operations that took longer than one request."""

from __future__ import annotations

from aiohttp import web

from aiortstream.local.deliver.jobs import Job
from aiortstream.local.routes.answers import Ending
from aiortstream.local.routes.keys import JOBS
from aiortstream.local.routes.table import Routes

routes = Routes()


@routes.get("/async-response/{job_id}", answer=Ending())
async def get_job(request: web.Request) -> Job:
    """A job: `processing`, or its own envelope under `response` once it is over."""
    return request.app[JOBS].get(request.match_info["job_id"])
