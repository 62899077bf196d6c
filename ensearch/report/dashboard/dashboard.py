"""The Optuna dashboard: our figure and note on the study's page, and a local server."""

import textwrap
import warnings
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import optuna
import optuna_dashboard
import plotly.graph_objects as go
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage

from ensearch.errors import StorageError, UnavailableError, unknown
from ensearch.report._palette import ENSEMBLE, GREY, SINGLE
from ensearch.report.dashboard.guard import HOST, guard
from ensearch.report.dashboard.pages import Pages, address, with_pages
from ensearch.report.study import answer, brief, text
from ensearch.report.study.figure_data import Dot, Steps, Tradeoff, compute
from ensearch.report.study.findings import Conditions, Findings
from ensearch.units import counted, format_count, unit_name

Prepare = Callable[[Any], None]  # is given a SQLAlchemy engine

# Publishing again overwrites the figure of this name instead of adding another.
FIGURE = "tradeoff"


def publish(storage_url: str, results: Findings, *, prepare: Prepare | None = None) -> None:
    """Put the table as a note, and the trade-off figure, on the study's page; replaces both.

    `prepare` is given the storage's SQLAlchemy engine. Raises StorageError if the storage holds
    no Optuna study of that name.
    """
    storage = _storage(storage_url, prepare)
    try:
        name = results.conditions.study
        _study_id(storage, name)  # refuses a name that Optuna does not know
        study = optuna.load_study(study_name=name, storage=storage)
        for key, value in _attributes(results).items():
            study.set_user_attr(key, value)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            optuna_dashboard.save_note(study, note(results))
            optuna_dashboard.save_plotly_graph_object(
                study, figure(compute(results)), graph_object_id=FIGURE
            )
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _attributes(results: Findings) -> dict[str, str]:
    """What the page shows as attributes of the study: what its numbers are true of."""
    c = results.conditions
    return {
        "dataset": c.dataset,
        "budget": _budget(c),
        "schedule": f"{counted(c.schedule.epochs, 'epoch')} of {c.images['train']} images",
        "split": f"{c.split}, {c.images[c.split]} images",
        "seed": str(c.seed),
    }


def _budget(c: Conditions) -> str:
    if c.other_axis is not None:
        return f"{c.axis.show(c.budget)} {c.axis.called}"
    return f"{text.count(c.budget, c)} {unit_name(c.flops_per_mac)} per example"


def note(results: Findings) -> str:
    """The report in Markdown: the answer, a row per budget, the conditions."""
    heads = text.columns(results.conditions)
    align = ["---:" if index in text.NUMBERS else ":---" for index in range(len(heads))]
    rows = [heads, align, *text.lines(results)]
    table = ["| " + " | ".join(row) + " |" for row in rows]
    caveats = [f"- {sentence}" for sentence in text.conditions(results)]
    said = [f"- {label}: {sentence}" for label, sentence in answer.of(results).sentences[1:]]
    second = [line for also in text.further(results) for line in (also, "")]
    return "\n".join([f"## {brief.first(results)}", "", *said, "", *second, *table, "", *caveats])


def figure(tradeoff: Tradeoff) -> go.Figure:
    """The figure of the PNG, for plotly. Small (about 40 kB for 300 configurations): it is stored
    in the study's attributes, 2 kB at a time."""
    several = [dot for line in tradeoff.ensembles for dot in line if dot.size > 1]
    drawn = go.Figure(
        [
            _lines(tradeoff.ensembles),
            _dots(several, ENSEMBLE, "diamond", 5),
            _dots(tradeoff.predicted, ENSEMBLE, "diamond-open", 5),
            _dots(tradeoff.singles, SINGLE, "circle", 6),
            _front(tradeoff.single_front, tradeoff.front_names[0], SINGLE, "dash"),
            _front(tradeoff.ensemble_front, tradeoff.front_names[1], ENSEMBLE, "solid"),
        ]
    )
    # The page shows it 600 pixels wide, where a line of 12 points holds about 90 characters.
    title = "<br>".join(textwrap.wrap(tradeoff.title, 70))
    subtitle = "<br>".join(textwrap.wrap(tradeoff.subtitle, 85))
    drawn.update_layout(
        template="none",
        title={
            "text": f"<b>{title}</b><br><sup>{subtitle}</sup>",
            "font": {"size": 15},
            "x": 0.02,
            "xanchor": "left",
        },
        margin={"l": 55, "r": 20, "t": 95, "b": 90},
        hovermode="closest",
        legend={"orientation": "h", "y": -0.25, "yanchor": "top"},
    )
    ticks = [digit * 10.0**power for power in range(-3, 16) for digit in (1, 2, 5)]
    drawn.update_xaxes(
        type="log",
        title=tradeoff.x_label,
        tickvals=ticks,
        ticktext=[format_count(tick) for tick in ticks],
    )
    drawn.update_yaxes(title=tradeoff.y_label, range=tradeoff.y_range)
    if tradeoff.crossing is not None:
        drawn.add_vrect(
            tradeoff.crossing.low,
            tradeoff.crossing.high,
            fillcolor=GREY,
            opacity=0.12,
            line_width=0,
        )
    return drawn


def _lines(ensembles: Iterable[tuple[Dot, ...]]) -> go.Scatter:
    # One trace with gaps: a trace of its own for each architecture would be ten times as large.
    gapped = [dot for line in ensembles for dot in (*line, None)]
    return go.Scatter(
        x=[dot and _short(dot.cost) for dot in gapped],
        y=[dot and _short(dot.accuracy) for dot in gapped],
        mode="lines",
        line={"color": ENSEMBLE, "width": 1},
        opacity=0.4,
        hoverinfo="skip",
        name="one architecture, 1, 2, … members",
    )


def _dots(dots: Iterable[Dot], color: str, symbol: str, size: int) -> go.Scatter:
    shown = list(dots)
    return go.Scatter(
        x=[_short(dot.cost) for dot in shown],
        y=[_short(dot.accuracy) for dot in shown],
        text=[dot.label for dot in shown],
        hovertemplate="%{text}<br>%{y:.2f} %<br>%{x:.3s}<extra></extra>",
        mode="markers",
        marker={"color": color, "symbol": symbol, "size": size, "opacity": 0.6},
        showlegend=False,
    )


def _front(front: Steps, name: str, color: str, dash: str) -> go.Scatter:
    return go.Scatter(
        x=[_short(cost) for cost in front.costs],
        y=[_short(accuracy) for accuracy in front.accuracies],
        mode="lines",
        line={"color": color, "width": 2.5, "shape": "hv", "dash": dash},
        hoverinfo="skip",
        name=name,
    )


def _short(value: float) -> float:
    """Five digits: more cannot be seen, and every digit is stored."""
    return float(f"{value:.5g}")


class _Server(ThreadingMixIn, WSGIServer):
    """A thread per request: the page asks for several answers at once."""

    daemon_threads = True
    # On Linux this only skips the minute's wait after a restart; a port in use stays refused.
    allow_reuse_address = True
    storage: RDBStorage | None = None

    def server_close(self) -> None:
        super().server_close()
        if self.storage is not None:
            self.storage.engine.dispose()


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """A line per request on stderr tells the user nothing."""


def open_server(
    storage_url: str,
    pages: Pages,
    *,
    study: str | None = None,
    port: int,
    allow_edit: bool = False,
    prepare: Prepare | None = None,
) -> tuple[WSGIServer, str]:
    """The dashboard of a storage that exists, bound but not serving yet, and its address.

    The address is the page of `study` if one is named, else the list of studies, which `pages`
    makes. `port` 0 picks a free one. `prepare` is given the storage's SQLAlchemy engine. Raises
    StorageError if the storage holds no studies of Optuna, UnavailableError if the port cannot be
    had.
    """
    storage = _storage(storage_url, prepare)
    try:
        if study is not None:
            _study_id(storage, study)  # refuses a name that Optuna does not know
        server = _bound(storage, pages, port, allow_edit)
    except BaseException:
        storage.engine.dispose()
        raise
    return server, f"http://{HOST}:{server.server_port}{address(study)}"


def _bound(storage: RDBStorage, pages: Pages, port: int, allow_edit: bool) -> _Server:
    """A server that listens. UnavailableError if the port cannot be had."""
    app = with_pages(
        optuna_dashboard.wsgi(storage), pages, lambda name: _study_id(storage, name), allow_edit
    )
    try:
        # The guard must know the port, which port 0 makes known only after binding.
        server = make_server(HOST, port, app, server_class=_Server, handler_class=_Quiet)
    except (OSError, OverflowError) as error:
        raise UnavailableError(
            f"the dashboard cannot listen on {HOST} port {port}: {error}. Choose another port, or "
            "0 for any that is free.",
            problem="port_taken",
        ) from error
    server.storage = storage
    server.set_app(guard(app, server.server_port, allow_edit))
    return server


def _storage(url: str, prepare: Prepare | None) -> RDBStorage:
    try:
        # Without creating tables: looking at a storage must not change it.
        alive = {"pool_pre_ping": True}  # a server may close a connection that is idle
        storage = RDBStorage(url, engine_kwargs=alive, skip_table_creation=True)
    except (StorageInternalError, RuntimeError) as error:
        raise StorageError(
            f"the storage holds no studies that this Optuna can read: {error} Begin one, or name "
            "another storage.",
        ) from error
    if prepare is not None:
        prepare(storage.engine)
        storage.engine.dispose()  # connections from before the preparation lack it
    return storage


def _study_id(storage: RDBStorage, name: str) -> int:
    """Return Optuna's number of a study. Raises StorageError with the nearest spelling."""
    try:
        return storage.get_study_id_from_name(name)
    except KeyError as error:
        known = sorted(study.study_name for study in storage.get_all_studies())
        raise StorageError(f"{unknown('study', name, known)} (in Optuna's tables)") from error


def serve(
    storage_url: str,
    pages: Pages,
    *,
    study: str | None = None,
    port: int,
    allow_edit: bool = False,
    prepare: Prepare | None = None,
    ready: Callable[[str], None] = lambda address: None,
) -> None:
    """Serve until interrupted; `ready` is told the address. Raises as `open_server` does."""
    server, where = open_server(
        storage_url,
        pages,
        study=study,
        port=port,
        allow_edit=allow_edit,
        prepare=prepare,
    )
    with server:
        ready(where)
        server.serve_forever()
