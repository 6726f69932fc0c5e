"""Takes the picture of the README: runs `holdfast demo` on a terminal and draws what it showed.

    make picture

The demo is real: it runs under a pseudo-terminal of a fixed size, in a home of its own that is
removed again, and its output is drawn as it stands on the screen at the end. Nothing is added but
the first line. The closing advice is left out, and two folders are named as a reader has them: the
demo's home, and the repository's. Take it on a quiet machine: it shows measured values.
"""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "pictures" / "demo.svg"
COLUMNS, ROWS = 110, 100
_LINE_HEIGHT = 24.4
"""Rich's, for a font of 20 pixels."""
_LAST = re.compile(r"^All of it took [^.]+(\.\d+)?[^.]*\.")
"""What comes after this sentence is advice, which the README gives in its own words."""

_SEQUENCE = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|\x1b[()][A-Z0-9]|\x1b[=>]")

_THEME = TerminalTheme(
    (250, 250, 248),
    (46, 52, 64),
    [
        (46, 52, 64), (176, 58, 46), (35, 122, 74), (154, 103, 0),
        (33, 86, 150), (118, 68, 138), (14, 102, 110), (110, 118, 129),
    ],
    [
        (110, 118, 129), (176, 58, 46), (35, 122, 74), (154, 103, 0),
        (33, 86, 150), (118, 68, 138), (14, 102, 110), (46, 52, 64),
    ],
)  # fmt: skip

# Rich's own frame loads a font from the network; a picture should not.
_FRAME = """\
<svg viewBox="0 0 {width} HEIGHT" xmlns="http://www.w3.org/2000/svg" role="img">
<title>A run of holdfast demo</title>
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width;
}}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
<rect fill="#fafaf8" stroke="#d8d8d2" x="0.1%" y="0.1%" width="99.8%" height="99.8%" rx="10"/>
<g transform="translate(16, 12)" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


class Screen:
    """As much of a terminal as Rich uses: lines, erasing, moving up, and colours.

    `lines` hold characters, each with the colours that were set when it was written.
    """

    def __init__(self) -> None:
        self.lines: list[list[tuple[str, str]]] = [[]]
        self._row = self._column = 0
        self._colours = ""

    def write(self, text: str) -> None:
        """Take in what a program sent."""
        place = 0
        for found in _SEQUENCE.finditer(text):
            self._plain(text[place : found.start()])
            if found[2]:
                self._control(found[1], found[2])
            place = found.end()
        self._plain(text[place:])

    def _plain(self, text: str) -> None:
        for character in text:
            if character == "\n":
                self._move(self._row + 1)
            elif character == "\r":
                self._column = 0
            elif character >= " ":
                line = self.lines[self._row]
                line.extend((" ", "") for _ in range(self._column - len(line)))
                line[self._column : self._column + 1] = [(character, self._colours)]
                self._column += 1

    def _control(self, values: str, letter: str) -> None:
        if letter == "m":
            self._colours = "" if values in ("", "0") else f"{self._colours}\x1b[{values}m"
        elif letter == "A":
            self._move(max(0, self._row - int(values or 1)))
        elif letter == "K":
            self.lines[self._row] = [] if values == "2" else self.lines[self._row][: self._column]

    def _move(self, row: int) -> None:
        self._row = row
        while len(self.lines) <= row:
            self.lines.append([])

    def texts(self) -> list[Text]:
        """The lines with their colours."""
        return [
            Text.from_ansi("".join(f"{colours}{one}\x1b[0m" for one, colours in line)).copy()
            for line in self.lines
        ]


def recorded(argv: list[str], environment: dict[str, str]) -> tuple[str, int]:
    """What a program writes on a terminal, copied to ours meanwhile, and its exit code."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    process = subprocess.Popen(
        argv, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    )
    os.close(theirs)
    said = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the other side is closed
            break
        if not part:
            break
        said += part
        os.write(sys.stderr.fileno(), part)
    os.close(ours)
    return said.decode(errors="replace"), process.wait()


def drawn(said: str) -> str:
    """The picture as SVG."""
    screen = Screen()
    screen.write(said)
    lines = screen.texts()
    plain = [line.plain for line in lines]
    told = lines
    for place, line in enumerate(plain):
        if found := _LAST.match(line):
            told = [*lines[:place], Text(found[0])]
    height = round((len(told) + 1) * _LINE_HEIGHT + 30)
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    console.print(Text("$ make demo", style="bold"))
    for line in told:
        console.print(line, soft_wrap=False, overflow="crop", no_wrap=True)
    return console.export_svg(
        theme=_THEME, code_format=_FRAME.replace("HEIGHT", str(height)), unique_id="demo", title=""
    )


def main() -> int:
    """Record the demo, draw it, remove it."""
    holdfast = [sys.executable, "-m", "holdfast.cli.main"]
    home = f"/tmp/holdfast-picture-{os.getpid()}"
    environment = {
        **{name: value for name, value in os.environ.items() if name != "NO_COLOR"},
        "HOLDFAST_DEMO_HOME": home,
        "TERM": "xterm-256color",
        "COLUMNS": str(COLUMNS),
    }
    try:
        said, exit_code = recorded([*holdfast, "demo"], environment)
    finally:
        subprocess.run([*holdfast, "demo", "--down"], env=environment, check=False)
    if exit_code != 0:
        print(f"picture: the demo ended with {exit_code}; the picture stays", file=sys.stderr)
        return exit_code
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    said = said.replace(home, "/var/lib/holdfast-demo").replace(f"{ROOT}/", "")
    PICTURE.write_text(drawn(said), encoding="utf-8")
    print(f"picture: {PICTURE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
