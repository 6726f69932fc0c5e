"""A name of more than 63 bytes is cut off.

PostgreSQL says so in a NOTICE only; two long names may become one, and the next migration does
not find the name that it wrote.

Instead: a shorter name.
"""

import re
from collections.abc import Iterator

from holdfast.core.finding import Severity
from holdfast.schema.rule import Example, Hit, Step

ROWS = (70,)
STATEMENTS = ("*",)
BAD = (
    Example(
        "CREATE TABLE aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa (x int)"
    ),
    Example(
        "CREATE INDEX CONCURRENTLY "
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa ON orders "
        "(status)"
    ),
)
GOOD = (
    Example("CREATE TABLE aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa (x int)"),
)

LONGEST = 63
PLAIN_TEXT = re.compile(r"(\$\w*\$).*?\1|'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/", re.DOTALL)
WORD = re.compile(r'"[^"]{22,}"|[^\W\d][\w$]{21,}')


def of_statement(step: Step) -> Iterator[Hit]:
    """Words of the text that are longer than a name may be."""
    if len(step.sql) <= LONGEST:
        return
    for word in dict.fromkeys(WORD.findall(PLAIN_TEXT.sub(" ", step.sql))):
        name = word.strip('"')
        if len(name.encode()) > LONGEST:
            short = name.encode()[:LONGEST].decode(errors="ignore")
            yield Hit(f"{name} is cut off to {short}", short, Severity.WARNING, f"name {short}")
