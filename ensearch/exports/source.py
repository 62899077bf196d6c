"""The source code that some functions need, taken from the modules that define them.

So an exported model is built by the code of its family, also of a family that somebody added: what
a function reaches in `ensearch` is copied, in the order in which it is defined, and what it imports
from elsewhere is imported.
"""

import ast
import importlib.util
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path

from ensearch.errors import UsageError

PACKAGE = "ensearch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Imports, a line each, and definitions in an order in which they can be executed.

    `names` are the names that the definitions bind, and `packages` those from outside that are
    imported, without what comes with Python.
    """

    imports: tuple[str, ...]
    definitions: tuple[str, ...]
    names: frozenset[str]
    packages: tuple[str, ...]

    @property
    def text(self) -> str:
        """The definitions alone."""
        return "\n\n\n".join(self.definitions)

    def within(self, function: str, result: str) -> str:
        """Return a function that holds the definitions and returns the one called `result`.

        So two sources may define the same names.
        """
        body = textwrap.indent(self.text, "    ")
        return f"def {function}():\n{body}\n\n    return {result}"


def gather(roots: Sequence[tuple[str, str]], without: Sequence[str] = ()) -> Source:
    """Return the source of `roots`, pairs of a module and a name in it, and of all they need.

    What modules in `without` define is left out. Raises UsageError where a module uses another one
    of this package as a whole, two of them give one name two meanings, or one does not define at
    its top level what is needed of it.
    """
    found = _Gathered(without=frozenset(without))
    for module, name in roots:
        found.need(module, name)
    definitions, names = [], set[str]()
    for module in TopologicalSorter(found.uses).static_order():
        wanted = found.wanted[module]
        for part in found.module(module).parts:
            bound = part.names & wanted
            if not bound:
                continue
            if bound & names:
                raise UsageError(
                    f"{' and '.join(sorted(bound & names))} of {module} has the name of something "
                    "else that the same model needs: call one of them differently."
                )
            names |= bound
            definitions.append(part.text)
    lines = sorted(set(found.imports.values()), key=lambda line: (line[:4] == "from", line))
    return Source(
        imports=tuple(lines),
        definitions=tuple(definitions),
        names=frozenset(names),
        packages=tuple(sorted(_packages(lines))),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A statement at the top of a module: its text, what it binds and which names it reads."""

    text: str
    names: frozenset[str]
    reads: frozenset[str]
    inner: tuple[str, ...]  # modules that it imports when it runs


@dataclass(frozen=True, slots=True, kw_only=True)
class _Module:
    """The statements at the top of a module, and what it imports there, by name."""

    parts: list[_Part]
    imports: dict[str, tuple[str, str | None]]


@dataclass(slots=True, kw_only=True)
class _Gathered:
    """What is needed so far: names by module, which modules these use, and imports."""

    without: frozenset[str]
    wanted: dict[str, set[str]] = field(default_factory=dict)
    uses: dict[str, set[str]] = field(default_factory=dict)
    imports: dict[str, str] = field(default_factory=dict)  # by the name that they bind
    _read: dict[str, _Module] = field(default_factory=dict)

    def module(self, name: str) -> _Module:
        if name not in self._read:
            text = _path(name).read_text(encoding="utf-8")
            tree = ast.parse(text)
            self._read[name] = _Module(parts=_parts(text, tree), imports=_imports(tree))
        return self._read[name]

    def need(self, module: str, name: str) -> None:
        if module in self.without or name in self.wanted.setdefault(module, set()):
            return
        parts, imported = self.module(module).parts, self.module(module).imports
        part = next((p for p in parts if name in p.names), None)
        if part is None and name in imported:  # a module that hands on what it imports
            self.uses.setdefault(module, set())
            self._import(module, name, imported[name])
            return
        if part is None:
            raise UsageError(
                f"{module} defines no {name!r} at its top level, from where an exported model "
                "takes it: define it there, by a statement of its own."
            )
        own = [inner for inner in part.inner if _is_own(inner)]
        if own:
            raise UsageError(
                f"{name} of {module} imports {own[0]} when it runs, and an exported model cannot: "
                "import what is needed of it at the top of the file."
            )
        self.wanted[module] |= part.names
        self.uses.setdefault(module, set())
        for read in sorted(part.reads - part.names):
            if read in imported:
                self._import(module, read, imported[read])
            elif any(read in other.names for other in parts):
                self.need(module, read)

    def _import(self, module: str, name: str, what: tuple[str, str | None]) -> None:
        """Need a name that a module imports: `what` is a module, and what is taken from it."""
        origin, attribute = what
        if not _is_own(origin):
            line = _import_line(origin, attribute, name)
            if self.imports.setdefault(name, line) != line:
                raise UsageError(f"{module} means something else by {name!r} than {PACKAGE} does.")
            return
        if attribute is None or _is_module(f"{origin}.{attribute}") or attribute != name:
            raise UsageError(
                f"{module} uses {name!r}, a module of {PACKAGE} as a whole or under another name. "
                f"Import what is needed of it: from {origin} import ..."
            )
        if origin not in self.without:
            self.uses[module].add(origin)
        self.need(origin, attribute)


def _import_line(origin: str, attribute: str | None, name: str) -> str:
    if attribute is None:
        return f"import {origin}" + (f" as {name}" if name != origin.partition(".")[0] else "")
    return f"from {origin} import {attribute}" + (f" as {name}" if name != attribute else "")


def _packages(lines: Sequence[str]) -> set[str]:
    return {line.split()[1].partition(".")[0] for line in lines if is_outside(line)}


def is_outside(line: str) -> bool:
    """Return whether an import line imports something that does not come with Python."""
    return line.split()[1].partition(".")[0] not in sys.stdlib_module_names


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # its parent is no package
        return False


def _path(module: str) -> Path:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise UsageError(f"the source of {module}, which an exported model holds, is not found.")
    return Path(spec.origin)


def _parts(text: str, tree: ast.Module) -> list[_Part]:
    """The statements at the top of a module that bind names, imports aside."""
    lines, parts = text.splitlines(), []
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom | ast.Expr):
            continue
        names = frozenset(_bound(node))
        if not names:
            continue
        reads = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))]) - 1
        while first and lines[first - 1].startswith("#"):  # what is said of it belongs to it
            first -= 1
        body = "\n".join(lines[first : node.end_lineno])
        inner = tuple(_inner(node))
        parts.append(_Part(text=body, names=names, reads=frozenset(reads), inner=inner))
    return parts


def _is_own(module: str) -> bool:
    return module == PACKAGE or module.startswith(f"{PACKAGE}.")


def _inner(node: ast.stmt) -> Iterator[str]:
    """Modules that are imported within a statement."""
    for inside in ast.walk(node):
        if isinstance(inside, ast.Import):
            yield from (alias.name for alias in inside.names)
        elif isinstance(inside, ast.ImportFrom) and inside.module:
            yield inside.module


def _bound(node: ast.stmt) -> Iterator[str]:
    """Names that a statement binds in its module."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.If | ast.Try):
        blocks = [node.body, node.orelse]
        if isinstance(node, ast.Try):
            blocks += [handler.body for handler in node.handlers]
        for statement in (s for block in blocks for s in block):
            yield from _bound(statement)
    else:
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                yield inner.id


def _imports(tree: ast.Module) -> dict[str, tuple[str, str | None]]:
    """What a module imports at its top, by the name under which it does."""
    found: dict[str, tuple[str, str | None]] = {}
    for node in tree.body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.asname or alias.name.partition(".")[0]
                found[name] = (alias.name, None)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                found[alias.asname or alias.name] = (node.module, alias.name)
    return found
