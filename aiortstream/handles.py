"""What every handle can do: be looked at again with other options."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

from aiortstream.checking import checked
from aiortstream.options import call_options

if TYPE_CHECKING:
    from aiortstream.context import Context


@checked
class Handle:
    """Something of a server that requests are made about, through a client's connections."""

    _context: Context

    def with_options(
        self,
        *,
        timeout: float | None = None,
        max_retries: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Self:
        """The same handle, whose requests have options of their own; None leaves one as it is.

        It costs nothing and makes no request. timeout: seconds for one request with its retries, in place of what the
        call has by itself. max_retries: for what is safe to repeat. headers: sent besides our own to the server, and to
        nobody else. Handles that it gives have the same options. Watches, which share their polls, and the websocket go
        by `LiveSettings` whatever the options. It is a copy: what one of both reads later, the other does not know.
        Raises InvalidArgumentError.
        """
        other = copy.copy(self)
        options = call_options(timeout, max_retries, headers)
        other._context = self._context.with_options(options)  # noqa: SLF001 - a copy of this
        return other
