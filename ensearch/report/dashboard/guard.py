"""A WSGI guard: whom a local web application without a login of its own may answer.

Whoever reaches Optuna's dashboard may delete a study with one request. Behind the guard it answers
reading requests only, and only to its own name, so that no web page open in the same browser can
reach it through a name that resolves to this machine (DNS rebinding). Where editing is allowed,
notes may be edited, from its own pages alone. Studies and trials may not: the page knows Optuna's
part of a storage only, and what it deleted or renamed there would be half gone.
"""

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

READING, EDITING = ("GET", "HEAD"), ("PUT",)  # the latter of notes and views
HOST = "127.0.0.1"  # this machine alone
NAMES = (HOST, "localhost", "[::1]")


def guard(app: WSGIApplication, port: int, allow_edit: bool) -> WSGIApplication:
    """`app` at `port` of this machine, but 403 for other names and pages, 405 for changes."""

    def guarded(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        asked = environ.get("HTTP_HOST", "")
        if not _own(asked, port):
            return _refuse(
                start,
                "403 Forbidden",
                f"This server does not answer to the name {asked!r}. Open it by the address that "
                "was printed when it was started.",
            )
        if not allow_edit and environ["REQUEST_METHOD"] not in READING:
            return _refuse(
                start,
                "405 Method Not Allowed",
                "This dashboard is read-only: it was started without the permission to edit.",
                ("Allow", ", ".join(READING)),
            )
        if environ["REQUEST_METHOD"] not in (*READING, *EDITING):
            return _refuse(
                start,
                "405 Method Not Allowed",
                "Notes may be edited here. Studies and trials may not: this page knows a part of "
                "them only, and what it deletes or renames would not be gone.",
                ("Allow", ", ".join((*READING, *EDITING))),
            )
        origin = environ.get("HTTP_ORIGIN")  # browsers send it with every change
        if environ["REQUEST_METHOD"] in EDITING and origin is not None:
            scheme, _, from_ = origin.partition("://")
            if scheme != "http" or not _own(from_, port):
                return _refuse(
                    start,
                    "403 Forbidden",
                    f"This server takes no changes from pages of {origin!r}.",
                )
        return app(environ, start)

    return guarded


def _own(asked: str, port: int) -> bool:
    """Whether a Host header is a name of this machine and the port; without one it means 80."""
    name = asked.lower()
    return name in {f"{own}:{port}" for own in NAMES} or (port == 80 and name in NAMES)


def _refuse(
    start: StartResponse, status: str, sentence: str, *headers: tuple[str, str]
) -> Iterable[bytes]:
    body = f"{sentence}\n".encode()
    start(
        status,
        [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Length", str(len(body))),
            *headers,
        ],
    )
    return [body]
