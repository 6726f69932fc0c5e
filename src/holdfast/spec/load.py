"""Read documents from texts: every mistake of every document at once, each with its place."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeGuard

from holdfast.core.finding import Finding, Location, Severity
from holdfast.spec.document import Document, Loaded, Places, Source, path_text
from holdfast.spec.kinds import COMING, KINDS
from holdfast.spec.model import API_VERSION, DatabaseSpec, TierSpec
from holdfast.spec.resolve import in_order
from holdfast.spec.rules import contradictions
from holdfast.spec.suggest import listing, meant, show
from holdfast.spec.text import directive, readable, split_documents
from holdfast.spec.tree import Fault, Tree, trees
from holdfast.spec.validate import mistakes

MAX_FINDINGS = 100
"""For one document. Who makes more mistakes than that has the wrong file."""
MAX_DOCUMENTS = 2_000
"""In one file, empty ones counted."""
_MODELS: dict[str, type[DatabaseSpec | TierSpec]] = {
    "Database": DatabaseSpec,
    "Tier": TierSpec,
}


def load(sources: Sequence[Source]) -> Loaded:
    """Every document of all sources, and every mistake in them. Never raises on what it reads."""
    documents: list[Document] = []
    findings: list[Finding] = []
    for source in sources:
        text = readable(source)
        if isinstance(text, Fault):
            findings.append(_finding(source.name, source.name, text))
            continue
        found, faults = _load_text(source.name, text)
        documents += found
        findings += faults
    findings += _defined_twice(documents)
    return Loaded(
        documents=tuple(each for each in documents if each.spec is not None),
        broken=tuple(each for each in documents if each.spec is None),
        findings=tuple(in_order(findings)),
    )


def _load_text(file: str, text: str) -> tuple[list[Document], list[Finding]]:
    documents: list[Document] = []
    findings: list[Finding] = []
    for number, tree in enumerate(_trees(text)):
        if number == MAX_DOCUMENTS:
            message = f"the file holds more than {MAX_DOCUMENTS} documents"
            place = tree.values.get((), (1, 1))
            fault = Fault("too-many", *place, message, "split it into several files")
            findings.append(_finding(file, file, fault))
            break
        if tree.data is None and not tree.faults:
            continue  # nothing between two markers
        document, faults = _document(file, tree)
        if document is not None:
            documents.append(document)
        findings += faults
    if not documents and not findings:
        fault = Fault("empty", 1, 1, "the file holds no document", "write one, or leave it out")
        findings.append(_finding(file, file, fault))
    return documents, findings


def _trees(text: str) -> Iterator[Tree]:
    for line, part in split_documents(text):
        if directive(part):
            message = "directives (%YAML, %TAG) are not supported; documents are YAML 1.2"
            fault = Fault("directive", line, 1, message, "remove the line")
            yield Tree(faults=[fault], complete=False)
        else:
            yield from trees(part, line)


def _document(file: str, tree: Tree) -> tuple[Document | None, list[Finding]]:
    places = Places(file, tree.values, tree.keys)
    data = tree.data
    if not isinstance(data, dict):
        faults = tree.faults or [_not_a_mapping(places, data)]
        return None, [_finding(file, file, fault) for fault in faults[:MAX_FINDINGS]]
    kind, name = data.get("kind"), data.get("name")
    subject = f"{kind.lower()} {name}" if _is_kind(kind) and isinstance(name, str) else file
    spec = None
    faults = list(tree.faults)
    if tree.complete:
        faults += itertools.islice(_faults(data, places), MAX_FINDINGS + 1)
    if not faults:
        spec, faults = _spec(data, places)
    findings = [_finding(file, subject, fault) for fault in faults[:MAX_FINDINGS]]
    if len(faults) > MAX_FINDINGS:
        message = f"there are more than {MAX_FINDINGS} mistakes in this document"
        more = Fault("more", *_at(places.value()), message, "mend these first")
        findings.append(_finding(file, subject, more))
    if not _is_kind(kind) or not isinstance(name, str):
        return None, findings
    return Document(kind, name, data, places, spec), findings


def _is_kind(kind: object) -> TypeGuard[str]:
    return isinstance(kind, str) and kind in KINDS


def _spec(
    data: dict[str, Any], places: Places
) -> tuple[DatabaseSpec | TierSpec | None, list[Fault]]:
    spec = _MODELS[data["kind"]].from_json(data)
    faults = [
        Fault(said.rule, *_at(places.value(*path)), said.message, said.hint, path)
        for path, said in contradictions(spec, data)
    ]
    return (None if faults else spec), faults


def _faults(data: dict[str, Any], places: Places) -> Iterator[Fault]:
    yield from _version_faults(data, places)
    kind = data.get("kind")
    if not _is_kind(kind):
        yield _kind_fault(kind, data, places)
        return
    for path, about_key, said in mistakes(str(kind), data):
        where = places.key(*path) if about_key else places.value(*path)
        yield Fault(said.rule, *_at(where), said.message, said.hint, path)


def _version_faults(data: dict[str, Any], places: Places) -> Iterator[Fault]:
    hint = f"write `apiVersion: {API_VERSION}`"
    if "apiVersion" not in data:
        message = "apiVersion is missing"
        yield Fault("missing-field", *_at(places.value()), message, hint, ())
    elif data["apiVersion"] != API_VERSION:
        message = f"apiVersion is {show(data['apiVersion'])}; allowed is {API_VERSION}"
        where = _at(places.value("apiVersion"))
        yield Fault("unknown-version", *where, message, hint, ("apiVersion",))


def _kind_fault(kind: object, data: dict[str, Any], places: Places) -> Fault:
    known = f"allowed are {listing(KINDS)}"
    if "kind" not in data:
        message = f"kind is missing; {known}"
        return Fault("missing-field", *_at(places.value()), message, "say which kind it is", ())
    where = _at(places.value("kind"))
    if kind in COMING:
        message = f"documents of kind {kind} are not part of this release; {known}"
        return Fault("unknown-kind", *where, message, "leave it out for now", ("kind",))
    message = f"there is no kind {show(kind)}; {known}"
    return Fault("unknown-kind", *where, message, meant(str(kind), KINDS), ("kind",))


def _not_a_mapping(places: Places, data: object) -> Fault:
    message = f"the document is {show(data)}; it has to be a mapping of fields"
    hint = f"begin with `apiVersion: {API_VERSION}`"
    return Fault("not-a-document", *_at(places.value()), message, hint)


def _defined_twice(documents: Iterable[Document]) -> Iterator[Finding]:
    first: dict[tuple[str, str], Document] = {}
    for document in documents:
        earlier = first.setdefault((document.kind, document.name), document)
        if earlier is not document:
            place = document.places.value("name")
            message = (
                f"{document.subject} is defined twice; first at {earlier.places.value('name')}"
            )
            yield Finding(
                id="spec.name-twice",
                severity=Severity.ERROR,
                subject=document.subject,
                message=message,
                hint="rename or remove one of them",
                location=place,
                evidence={"first": str(earlier.places.value("name")), "second": str(place)},
            )


def _at(location: Location) -> tuple[int, int]:
    return (location.line, location.column)


def _finding(file: str, subject: str, fault: Fault) -> Finding:
    return Finding(
        id=f"spec.{fault.rule}",
        severity=Severity.ERROR,
        subject=subject,
        message=fault.message,
        hint=fault.hint,
        location=Location(file, fault.line, fault.column, path_text(fault.path)),
    )
