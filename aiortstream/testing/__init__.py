"""Tests of programs that watch live streams: a server, what can go wrong, time, and whether anything was lost.

    ScriptedServer   a server of the wire protocol in memory, which says what the test tells it to
    FaultPlan        what is to go wrong and when; its faults are in `aiortstream.testing.faults`
    FaultGate        a reverse proxy that does what the plan says, in front of any server
    TcpProxy         a proxy that fails bytes: resets, black holes, slowness, cuts
    VirtualClock     time that passes when the test says so
    Oracle           every record of the server was delivered once, or lies in a gap that was reported

With pytest and pytest-asyncio the fixtures of `aiortstream.testing.plugin` are there by themselves.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiortstream.testing.clock import VirtualClock
    from aiortstream.testing.faults import FaultPlan
    from aiortstream.testing.gate import FaultGate
    from aiortstream.testing.oracle import Oracle, Report, Watched
    from aiortstream.testing.server import ScriptedServer
    from aiortstream.testing.tcp import TcpProxy

_MODULE_OF = {
    "FaultGate": "gate",
    "FaultPlan": "faults",
    "Oracle": "oracle",
    "Report": "oracle",
    "ScriptedServer": "server",
    "TcpProxy": "tcp",
    "VirtualClock": "clock",
    "Watched": "oracle",
}

__all__ = ["FaultGate", "FaultPlan", "Oracle", "Report", "ScriptedServer", "TcpProxy", "VirtualClock", "Watched"]


def __getattr__(name: str) -> Any:
    # Every run of pytest imports the plugin beside this: it is to cost those nothing who do not use it.
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{module}"), name)
