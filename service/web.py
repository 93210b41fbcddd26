"""Pages served to a browser: the only user of FastAPI and uvicorn.

A site is functions: one for each page (HTML), each live fragment (HTML, sent again whenever it has
changed), each picture by number and each piece of data. They are called in threads, so a slow one
holds up nobody. htmx and its server-sent events come from `static/`; nothing is loaded from
elsewhere.
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import uvicorn
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles

STATIC: Final = Path(__file__).with_name("static")
LOOPBACK: Final = "127.0.0.1"
START_S: Final = 10.0
Site = FastAPI  # what other modules call it, who do not import FastAPI
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def site(
    title: str,
    *,
    pages: Mapping[str, Callable[[], str]],
    live: Mapping[str, Callable[[], str]] | None = None,
    pictures: Mapping[str, Callable[[int], bytes | None]] | None = None,
    data: Mapping[str, Callable[[], Any]] | None = None,
    metrics: Callable[[], str] | None = None,
    every_s: float = 0.5,
) -> Site:
    """Return an application that serves these functions.

    ``pages`` are by path; a live fragment is at ``/live/NAME`` as server-sent events, looked at
    every ``every_s`` seconds; a picture (PNG) at ``/NAME/NUMBER.png``; data at ``/NAME.json``;
    metrics, in Prometheus' text form, at ``/metrics``.
    """
    app = FastAPI(title=title, docs_url=None, redoc_url=None)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")

    @app.middleware("http")
    async def _guarded(request: Request, answer: Any) -> Response:
        response: Response = await answer(request)
        response.headers.update(HEADERS)
        return response

    for path, page in pages.items():
        app.get(path, response_class=HTMLResponse)(page)
    for name, fragment in (live or {}).items():
        app.get(f"/live/{name}")(_stream(fragment, every_s))
    for name, picture in (pictures or {}).items():
        app.get(f"/{name}/{{number}}.png")(_picture(picture))
    for name, told in (data or {}).items():
        app.get(f"/{name}.json")(_data(told))
    if metrics is not None:
        app.get("/metrics", response_class=PlainTextResponse)(metrics)
    return app


@contextmanager
def served(app: Site, *, port: int = 0, host: str = LOOPBACK) -> Iterator[str]:
    """Serve an application while the block runs; yield its address.

    Port 0 takes a free one. Only this host can reach it unless ``host`` says otherwise.

    Raises:
        OSError: the port cannot be had.
    """
    config = uvicorn.Config(app, host=host, port=port, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    listening = config.bind_socket()
    thread = threading.Thread(target=server.run, args=([listening],), name="web", daemon=True)
    thread.start()
    ends = time.monotonic() + START_S
    while not server.started and thread.is_alive() and time.monotonic() < ends:
        time.sleep(0.01)
    try:
        yield f"http://{host}:{listening.getsockname()[1]}"
    finally:
        server.should_exit = server.force_exit = True
        thread.join(START_S)
        listening.close()


def _stream(fragment: Callable[[], str], every_s: float) -> Callable[[Request], Any]:
    async def stream(request: Request) -> StreamingResponse:
        async def events() -> AsyncIterator[str]:
            shown = None
            while not await request.is_disconnected():
                text = await run_in_threadpool(fragment)
                if text != shown:
                    shown = text
                    yield "".join(f"data: {line}\n" for line in text.splitlines()) + "\n"
                await asyncio.sleep(every_s)

        return StreamingResponse(events(), media_type="text/event-stream")

    return stream


def _picture(picture: Callable[[int], bytes | None]) -> Callable[[int], Response]:
    def answer(number: int) -> Response:
        png = picture(number)
        if png is None:
            raise HTTPException(404, f"there is no picture {number}")
        return Response(png, media_type="image/png")

    return answer


def _data(told: Callable[[], Any]) -> Callable[[], JSONResponse]:
    def answer() -> JSONResponse:
        return JSONResponse(told())

    return answer
