"""Live video streams in asyncio: VideoDB's RTStream API, against the hosted service or an embedded server."""
