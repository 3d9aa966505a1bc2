"""Streams at run time: what the database wants of each is what runs."""

from aiortstream.local.runtime.manager import StreamManager

__all__ = ["StreamManager"]
