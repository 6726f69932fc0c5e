"""The generated pages of the reference: command line, API, errors. Markdown from the code."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import click

from holdfast.api.problems import STATUS
from holdfast.cli import exit_codes
from holdfast.cli.main import SECTIONS, cli
from holdfast.core import errors
from holdfast.core.errors import Error
from holdfast.core.units import show_duration
from holdfast.recovery.drill import Stroke, When
from holdfast.recovery.drills import every
from holdfast.recovery.layer import Layer
from holdfast.recovery.layers import layers

_NOTE = "<!-- Written from the code; `make docs` writes it anew. -->"


def table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    lines = [list(headings)]
    lines += [["---"] * len(lines[0]), *(list(row) for row in rows)]
    return "\n".join(f"| {' | '.join(_cell(each) for each in line)} |" for line in lines) + "\n"


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip().replace("|", "\\|")


# -- the command line ---------------------------------------------------------------------------


_COMMAND_LINE = """\
Data go to standard output, progress and messages to standard error. Colour and live displays
appear on a terminal only. How a command ends is in its exit code: see
[errors and exit codes](errors.md).

With `-o json` or `-o yaml` a command about one thing prints an object: `get` with a name,
`describe`, `op show`, and every command that starts one operation. One that lists, or takes several
documents as `plan` and `apply` do, prints a list, also of one. `drill --all` prints an object for
each drill when it has ended.
"""


def command_line() -> str:
    """`docs/reference/cli.md`."""
    parts = [
        f"# Command line\n\n{_NOTE}\n",
        _COMMAND_LINE,
    ]
    for section, names in SECTIONS.items():
        parts.append(f"## {section}\n")
        for name in names:
            context = click.Context(cli, info_name="holdfast", **cli.context_settings)
            command = cli.get_command(context, name)
            assert command is not None
            parts += _command(command, context, name)
    return "\n".join(parts)


def _command(command: click.Command, parent: click.Context, name: str) -> Iterator[str]:
    context = click.Context(command, info_name=name, parent=parent)
    yield f"### {context.command_path}\n"
    if isinstance(command, click.Group):
        yield inspect.cleandoc(command.help or "") + "\n"
        for each in sorted(command.commands, key=list(command.commands).index):
            yield from _command(command.commands[each], context, each)
        return
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"    {context.command_path} {usage}\n"
    yield inspect.cleandoc(command.help or "").replace("\b\n", "") + "\n"
    if options := list(_options(command, context)):
        yield table(["option", "what it says"], options)
    if examples := _examples(command):
        yield "\n".join(f"    {line}" for line in examples) + "\n"


def _options(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    for parameter in command.params:
        if isinstance(parameter, click.Option) and (found := parameter.get_help_record(context)):
            names, said = found
            yield f"`{names}`", said


def _examples(command: click.Command) -> list[str]:
    lines = (command.epilog or "").replace("\b", "").splitlines()
    return [line.strip() for line in lines if line.strip() and line.strip() != "Examples:"]


# -- drills ---------------------------------------------------------------------------------------


_DRILLS = """\
What [`holdfast drill`](../how-to/drill.md) can do to a database. Every drill keeps a ledger of
writes, and asks for what stands under *checks*; what they mean is in
[what a proof proves](../explanation/proofs.md).
"""


def drills() -> str:
    """`docs/reference/drills.md` from the declarations."""
    parts = [f"# Drills\n\n{_NOTE}\n", _DRILLS]
    parts.append(
        table(
            ["drill", "what it does"],
            ([f"[{each.id}](#{each.id})", each.title] for each in every().values()),
        )
    )
    for drill in every().values():
        hold = f"at most {show_duration(drill.hold_s)}" if drill.hold_s else "a moment"
        if drill.until_resumed:
            hold += ", or until clients write again"
        parts.append(f"## {drill.id}\n\n{drill.title}.\n\n{drill.documentation}\n")
        parts.append(
            table(
                ["", ""],
                [
                    ["faults", ", then ".join(_stroke(each) for each in drill.strokes)],
                    ["who notices, at the most", drill.blast],
                    ["needs", "one node" if drill.nodes == 1 else f"{drill.nodes} nodes"],
                    ["lasts", hold],
                    ["is undone", drill.undone],
                    ["all nodes back", f"within the RTO and {show_duration(drill.deadline_s)}"],
                    ["checks", ", ".join(drill.required)],
                ],
            )
        )
    return "\n".join(parts)


def _stroke(stroke: Stroke) -> str:
    said = " ".join([stroke.fault, *(str(value) for value in stroke.options.values())])
    when = "" if stroke.when is When.AT_ONCE else f" {stroke.when}"
    return f"`{said}`{when}"


# -- the API ------------------------------------------------------------------------------------


def api(document: Mapping[str, Any]) -> str:
    """`docs/reference/api.md` from the OpenAPI document."""
    parts = [f"# API\n\n{_NOTE}\n", _API]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parts.append(f"### {method.upper()} {path}\n")
            parts.append(inspect.cleandoc(operation.get("description", "")) + "\n")
            if rows := [*_parameters(operation), *_body(document, operation)]:
                parts.append(table(["name", "in", "type", "says"], rows))
            parts.append(_answers(operation))
    parts.append("## Objects\n")
    for name, schema in document["components"]["schemas"].items():
        if name in ("HTTPValidationError", "ValidationError"):
            continue
        parts.append(f"### {name}\n\n{inspect.cleandoc(schema.get('description', ''))}\n")
        wanted = schema.get("required", ())
        parts.append(
            table(
                ["field", "type"],
                (
                    [f"`{field}`{' *' if field in wanted else ''}", _type(each)]
                    for field, each in schema["properties"].items()
                ),
            )
        )
    return "\n".join(parts)


_API = """\
The control plane answers at `https://<site's address>.1:7474`, which `holdfast up` prints, and only
there: the address is a loopback address. Its certificate is signed by the site's own CA
(`HOME/pki/ca.crt`). Every request but that for `/v1/health` carries the token in `HOME/api.token`,
which only the owner of the site can read. The command line is a client of this API and can do
nothing that it does not offer.

    site=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["subnet"])' \\
        "$HOLDFAST_HOME/site.json")
    curl --cacert "$HOLDFAST_HOME/pki/ca.crt" \\
        --header "Authorization: Bearer $(cat "$HOLDFAST_HOME/api.token")" \\
        "https://$site.1:7474/v1/databases"

The OpenAPI document is at `/v1/openapi.json`. An error is an
[RFC 9457](https://www.rfc-editor.org/rfc/rfc9457) problem with `code`, `subject`, `hint` and
`findings` beside the standard members: see [errors and exit codes](errors.md). A request has at
most 4 MiB.

A change is an *operation*: the answer is 202 with its id, and `GET /v1/operations/{id}/events`
waits for news of it. Fields and parameters with * are required. The header `X-Holdfast-Actor` is
noted in the operation; nothing is allowed or denied by it.

## Requests
"""


def _parameters(operation: Mapping[str, Any]) -> Iterator[list[str]]:
    for each in operation.get("parameters", ()):
        if each["in"] == "header":
            continue
        needed = " *" if each.get("required") else ""
        schema = each["schema"]
        default = schema.get("default")
        said = "" if default is None else f"default: `{str(default).lower()}`"
        yield [f"`{each['name']}`{needed}", each["in"], _type(schema), said]


def _body(document: Mapping[str, Any], operation: Mapping[str, Any]) -> Iterator[list[str]]:
    content = operation.get("requestBody", {}).get("content", {})
    for each in content.values():
        name = each["schema"]["$ref"].rpartition("/")[2]
        said = document["components"]["schemas"][name].get("description", "")
        yield ["body *", "body", _type(each["schema"]), said]


def _answers(operation: Mapping[str, Any]) -> str:
    for status, answer in operation["responses"].items():
        if status.startswith("2"):
            schemas = [each.get("schema", {}) for each in answer.get("content", {}).values()]
            kind = _type(schemas[0]) if schemas and schemas[0] else "text"
            return f"Answers {status}: {kind}.\n"
    raise AssertionError("an operation that never succeeds")


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_type(each) for each in schema["anyOf"] if each.get("type") != "null")
    if "enum" in schema:
        return ", ".join(f"`{each}`" for each in schema["enum"])
    kind = schema.get("type", "any")
    if kind == "array":
        return f"list of {_type(schema['items'])}"
    return f"{kind} ({schema['format']})" if "format" in schema else str(kind)


# -- the layers of proof ------------------------------------------------------------------------

_LAYERS = """\
`holdfast verify` proves a backup layer by layer. The tier says which layers a restore test has
(`proofs.layers`), `--layers 0-4,6` chooses others. A verification is `proven` only if every chosen
layer is. Why the layers are what they are: [what a proof proves](../explanation/proofs.md).
"""


def layers_index() -> str:
    """`docs/reference/layers.md`."""
    rows = (
        [str(each.number), f"[{each.id}](layers/{each.id}.md)", each.title, _checks(each)]
        for each in layers()
    )
    return "\n".join(
        [
            f"# Layers of proof\n\n{_NOTE}\n",
            _LAYERS,
            table(["layer", "id", "what it does", "its checks"], rows),
        ]
    )


def layer_page(layer: Layer) -> str:
    """`docs/reference/layers/ID.md`, from the docstring of the layer's file."""
    title, _, page = layer.page.partition("\n")
    return (
        f"# Layer {layer.number}: {layer.id}\n\n{_NOTE}\n\n{title}\n{page}\n\n"
        f"Its checks: {_checks(layer)}.\n"
    )


def _checks(layer: Layer) -> str:
    return ", ".join(f"`{each}`" for each in layer.required)


# -- errors -------------------------------------------------------------------------------------

_EXITS = {
    "OK": "it is done, and what it says is good",
    "FAILED": "it failed; a part of `status` is not healthy; a proof is not `proven`",
    "USAGE": "the command line or a document is wrong; every mistake is named with its place",
    "REFUSED": "a tier, a policy or a safety rule says no",
    "CONFLICT": "somebody else holds it, or the world moved between plan and apply",
    "TIMED_OUT": "a deadline passed; with `--timeout` the operation goes on",
    "FORBIDDEN": "you may not do that",
    "NOT_FOUND": "there is no such object",
    "HAS_CHANGES": "the plan has changes (`plan --detailed-exitcode` only)",
    "INTERRUPTED": "Ctrl-C; an operation that was followed goes on in the background",
}


_ERRORS = """\
An error has a stable `code`, a message that names the object and the value seen, and mostly a hint.
The command line prints message and hint; the API answers a problem whose `type` is
`urn:holdfast:error:<code>`.
"""
_MORE_ERRORS = """\
A request without a valid token is answered with 401, one that is too large with 413. `transient`
carries `Retry-After`.

A `bug` is ours: set `HOLDFAST_TRACEBACK=1`, do it again, and report what it shows.
"""


def errors_page() -> str:
    """`docs/reference/errors.md`."""
    numbers = {
        name: value
        for name, value in vars(exit_codes).items()
        if name.isupper() and isinstance(value, int)
    }
    assert numbers.keys() == _EXITS.keys()
    return "\n".join(
        [
            f"# Errors and exit codes\n\n{_NOTE}\n",
            "## Exit codes\n",
            table(
                ["code", "means"], ([f"`{value}`", _EXITS[name]] for name, value in numbers.items())
            ),
            "With several operations at once, the highest code of those that did not succeed.\n",
            "## Errors\n",
            _ERRORS,
            table(
                ["code", "means", "exit code", "HTTP status"],
                (
                    [
                        f"`{each.code}`",
                        _sentence(each),
                        f"`{exit_codes.of_error(each.code)}`",
                        str(STATUS[each.code]),
                    ]
                    for each in _kinds()
                ),
            ),
            _MORE_ERRORS,
        ]
    )


def _kinds() -> Iterator[type[Error]]:
    yield Error
    for value in vars(errors).values():
        if inspect.isclass(value) and issubclass(value, Error) and value is not Error:
            yield value


def _sentence(kind: type[Error]) -> str:
    return inspect.cleandoc(kind.__doc__ or "").splitlines()[0]
