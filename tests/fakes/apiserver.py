"""An API server in this process that answers what a test tells it to: for answers a real one gives too rarely."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer: `lines` are sent as they are, a watch's events or a body that is no JSON; with `stays_open` the
    answer does not end with them."""

    status: int = 200
    body: Any = None
    lines: tuple[bytes, ...] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    stays_open: bool = False


class ScriptedApiServer:
    """Answers in the order of `answers`, whatever is asked; 404 when they are used up.

    Attributes:
        requests: what was asked.
    """

    def __init__(self, *answers: Answer) -> None:
        self.requests: list[Request] = []
        self._answers = deque(answers)
        self._closing = asyncio.Event()
        self.url = ""
        self.runner: web.AppRunner

    def end_streams(self) -> None:
        """Ends every answer that stayed open, in good order."""
        self._closing.set()
        self._closing = asyncio.Event()

    async def stop(self) -> None:
        """Goes away before its block ends."""
        self.end_streams()
        await self.runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        text = await request.text()
        self.requests.append(
            Request(
                method=request.method,
                path=request.path,
                query=dict(request.query),
                headers=dict(request.headers),
                body=json.loads(text) if text else None,
            )
        )
        answer = self._answers.popleft() if self._answers else Answer(status=404, body={"reason": "NotFound"})
        if answer.lines is None:
            return web.json_response(answer.body, status=answer.status, headers=answer.headers)
        response = web.StreamResponse(status=answer.status, headers=answer.headers)
        await response.prepare(request)
        for line in answer.lines:
            await response.write(line)
        if answer.stays_open:
            await self._closing.wait()
        return response


@asynccontextmanager
async def serve(*answers: Answer) -> AsyncIterator[ScriptedApiServer]:
    """A scripted server on a free port of the loopback address, for as long as the block runs."""
    server = ScriptedApiServer(*answers)
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", server._handle)
    server.runner = runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    server.url = f"http://{host}:{port}"
    try:
        yield server
    finally:
        await server.stop()
