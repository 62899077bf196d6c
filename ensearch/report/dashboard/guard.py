"""A WSGI guard: whom a local web application without a login of its own may answer.

Whoever reaches Optuna's dashboard may delete a study with one request. Behind the guard it answers
reading requests only, and only to its own name, so that no web page open in the same browser can
reach it through a name that resolves to this machine (DNS rebinding). Where editing is allowed,
notes may be edited, from its own pages alone. Studies and trials may not: the page knows Optuna's
part of a storage only, and what it deleted or renamed there would be half gone.
"""

import ipaddress
import socket
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

READING, EDITING = ("GET", "HEAD"), ("PUT",)  # the latter of notes and views
EVERYWHERE = ("0.0.0.0", "::")


def guard(app: WSGIApplication, host: str, port: int, allow_edit: bool) -> WSGIApplication:
    """`app`, bound to `host` and `port`, but 403 for other names and pages, 405 for changes."""

    def guarded(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        asked = environ.get("HTTP_HOST", "")
        if not _own(asked, host, port):
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
            if scheme != "http" or not _own(from_, host, port):
                return _refuse(
                    start,
                    "403 Forbidden",
                    f"This server takes no changes from pages of {origin!r}.",
                )
        return app(environ, start)

    return guarded


def _own(asked: str, host: str, port: int) -> bool:
    name, _, given = asked.lower().rpartition(":") if not asked.endswith("]") else (asked, "", "")
    if not name:  # a Host header without a port means port 80
        name, given = given, ""
    if (given or "80") != str(port):
        return False
    bare = name.strip("[]")
    if bare in ("127.0.0.1", "localhost", "::1", host.lower()):
        return True
    # Listening everywhere is the user's choice. A numeric address cannot be rebound, and names
    # other than this machine's own are still refused.
    return host in EVERYWHERE and (bare == socket.gethostname().lower() or _numeric(bare))


def _numeric(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


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
