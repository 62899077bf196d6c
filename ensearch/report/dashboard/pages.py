"""What is served around Optuna's dashboard: the list of studies, and the page of each.

`/ensearch` lists the studies of a storage, `/ensearch/STUDY` is the page of one, made anew for
every request and read again by the browser while the study runs. Pages of Optuna's dashboard get a
strip that leads there, and lose the buttons of what the guard refuses.
"""

import html
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from ensearch.errors import EnsearchError

PREFIX = "/ensearch"
EVERY = 15  # seconds between two looks at a study that runs
# No script, and nothing from elsewhere: names of studies are text whatever they hold.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

# Optuna's own marks of the buttons that change studies and trials.
_CHANGING = (
    '[aria-label="delete study"]',
    '[aria-label="rename study"]',
    '[aria-label="skip trial"]',
    'button:has([data-testid="AddBoxIcon"])',
)
_NOTES = ('button:has([data-testid="EditIcon"])',)
_STYLE = (
    "#ensearch{position:fixed;right:12px;bottom:12px;z-index:2000;max-width:46em;padding:8px 14px;"
    "border-radius:6px;background:#202124;color:#fff;font:14px/1.4 sans-serif}"
    "#ensearch a{color:#8ab4f8}@media print{#ensearch{display:none}}"
)
_LIST_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em;"
    "color-scheme:light dark}li{margin:.8em 0}small{opacity:.75}"
)
_BAR_STYLE = "margin:0;padding:.5em 1em;font:14px/1.4 system-ui,sans-serif;border-bottom:1px solid"


class Listed(NamedTuple):
    """A study in the list: what it answers in a few words, and how far it is."""

    name: str
    says: str
    state: str


class StudyPage(NamedTuple):
    """The page of a study, and whether a driver runs it now."""

    html: str
    is_running: bool


class Pages(NamedTuple):
    """Where pages come from. Both may be called from several threads, and raise EnsearchError."""

    studies: Callable[[], Sequence[Listed]]
    page: Callable[[str], StudyPage]


def address(study: str | None) -> str:
    """Return the path of a study's page, or of the list."""
    return PREFIX if study is None else f"{PREFIX}/{quote(study, safe='')}"


def with_pages(
    app: WSGIApplication, pages: Pages, number: Callable[[str], int], allow_edit: bool
) -> WSGIApplication:
    """Return Optuna's dashboard `app` with the pages of ensearch in front of it.

    `number` is that of a study in Optuna's dashboard, and raises EnsearchError.
    """

    def served(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "").encode("latin-1").decode(errors="replace").rstrip("/")
        is_head = environ["REQUEST_METHOD"] == "HEAD"
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return app(environ, start)
        if path == "":
            return _send(start, b"", is_head, "302 Found", ("Location", PREFIX))
        try:
            if path == PREFIX:
                policy = ("Content-Security-Policy", POLICY)
                return _send(start, _listing(pages.studies()).encode(), is_head, "200 OK", policy)
            if path.startswith(f"{PREFIX}/"):
                name = path.removeprefix(f"{PREFIX}/")
                return _study(pages.page(name), number(name), start, is_head)
        except EnsearchError as error:
            status = "503 Service Unavailable" if path == PREFIX else "404 Not Found"
            return _send(start, f"{error}\n".encode(), is_head, status, kind="text/plain")
        if path == "/dashboard" or path.startswith("/dashboard/"):
            return _marked(app, environ, start, allow_edit)
        return app(environ, start)

    return served


def _study(page: StudyPage, number: int, start: StartResponse, is_head: bool) -> Iterable[bytes]:
    now = f" · running: read again every {EVERY} seconds" if page.is_running else ""
    bar = (
        f'<nav style="{_BAR_STYLE}"><a href="{PREFIX}">All studies</a> · '
        f'<a href="/dashboard/studies/{number}">This study in Optuna\'s dashboard</a>{now}</nav>'
    )
    again = (("Refresh", str(EVERY)),) if page.is_running else ()
    body = page.html.replace("<body>", f"<body>{bar}", 1).encode()
    return _send(start, body, is_head, "200 OK", *again)


def _listing(studies: Sequence[Listed]) -> str:
    items = "".join(
        f'<li><a href="{html.escape(address(study.name))}">{html.escape(study.name)}</a> '
        f"{html.escape(study.says)}<br><small>{html.escape(study.state)}</small></li>"
        for study in studies
    )
    found = f"<ul>{items}</ul>" if items else "<p>There is no study in this storage yet.</p>"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        'content="width=device-width, initial-scale=1"><title>Studies</title>'
        f"<style>{_LIST_STYLE}</style></head><body><h1>Studies</h1>{found}"
        '<p><a href="/dashboard">Optuna\'s dashboard</a></p></body></html>'
    )


def _marked(
    app: WSGIApplication, environ: WSGIEnvironment, start: StartResponse, allow_edit: bool
) -> Iterable[bytes]:
    """A page of Optuna's dashboard with the strip, without the buttons that cannot work."""
    # The whole page, also where a browser has it from a dashboard that could do more.
    asked = {
        key: value
        for key, value in environ.items()
        if not key.startswith("HTTP_IF_") and key != "HTTP_RANGE"
    }
    told: list[tuple[str, list[tuple[str, str]]]] = []

    def hear(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        told.append((status, headers))
        return lambda body: None

    parts = app(asked, hear)
    body = b"".join(parts)
    if hasattr(parts, "close"):
        parts.close()
    status, headers = told[0]
    if environ["REQUEST_METHOD"] == "GET" and status.startswith("200"):
        strip = _strip(allow_edit).encode()
        body = body.replace(b"</body>", strip + b"</body>", 1)
    kept = ("content-length", "last-modified", "etag", "accept-ranges")
    headers = [(name, value) for name, value in headers if name.lower() not in kept]
    if environ["REQUEST_METHOD"] == "GET":
        headers.append(("Content-Length", str(len(body))))
    start(status, [*headers, ("Cache-Control", "no-store")])
    return [body]


def _strip(allow_edit: bool) -> str:
    gone = ", ".join(_CHANGING if allow_edit else (*_CHANGING, *_NOTES))
    what = (
        "Notes may be edited here; studies and trials may not be changed."
        if allow_edit
        else "This page is read-only: nothing can be created, renamed, deleted or noted down here."
    )
    return (
        f"<style>{_STYLE}{gone}{{display:none!important}}</style>"
        f'<div id="ensearch"><a href="{PREFIX}">Answers and figures of all studies</a>. '
        f"{what}</div>"
    )


def _send(
    start: StartResponse,
    body: bytes,
    is_head: bool,
    status: str = "200 OK",
    *headers: tuple[str, str],
    kind: str = "text/html",
) -> Iterable[bytes]:
    start(
        status,
        [
            ("Content-Type", f"{kind}; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            *headers,
        ],
    )
    return [] if is_head else [body]
