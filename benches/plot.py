#!/usr/bin/env python3
"""Draws the recorded rates of decoding, relative to the fastest peer.

    benches/plot.py                    draws results/decode.svg from results/decode.json
    benches/plot.py --record < TABLES  records the tables that the program `decode` printed, then draws

Needs nothing but Python 3. The picture needs no font but that of its reader, and has colours for a
light and for a dark background.
"""

import datetime
import json
import pathlib
import re
import sys
from html import escape

RESULTS = pathlib.Path(__file__).parent / "results"
RECORD = RESULTS / "decode.json"
PICTURE = RESULTS / "decode.svg"

# Contenders in the order of their bars: the name in the tables, that in the legend, and a class.
OURS = [
    ("ssewire-cursor", "ssewire, borrowed events", "a"),
    ("ssewire-owned", "ssewire, owned events", "b"),
]
PEERS = [
    ("sse-stream", "sse-stream", "c"),
    ("sse-core", "sse-core", "d"),
    ("eventsource-stream", "eventsource-stream", "e"),
]

# What one event of each corpus is.
EVENTS = {
    "openai": "260 B of JSON",
    "anthropic": "120 B, typed",
    "tiny": "1 byte",
    "stock": "45 B, 3 fields",
    "multi": "20 lines",
    "huge": "1 MiB",
    "crlf": "stock, CRLF",
    "keepalive": "9 comments",
    "utf8": "Chinese text",
}

STYLE = """
  .ground { fill: #ffffff } .text { fill: #1f2328 } .quiet { fill: #59636e }
  .grid { stroke: #d8dee4 } .one { stroke: #1f2328 }
  .halo { paint-order: stroke; stroke: #ffffff; stroke-width: 2px }
  .a { fill: #1f5fd0 } .b { fill: #86b0f5 } .c { fill: #6e7781 } .d { fill: #a3abb4 } .e { fill: #cfd5db }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117 } .text { fill: #e6edf3 } .quiet { fill: #9198a1 }
    .grid { stroke: #2a313a } .one { stroke: #e6edf3 } .halo { stroke: #0d1117 }
    .a { fill: #6aa5ff } .b { fill: #2f5fae } .c { fill: #a7b0ba } .d { fill: #747d87 } .e { fill: #454d57 }
  }
"""

WIDTH, LEFT, RIGHT = 920, 44, 16
TOP, PANEL, BETWEEN, BOTTOM = 120, 190, 84, 72
BAR, GAP = 14, 3


def read_tables(lines):
    """Returns the tables of rates in Markdown text: title, corpora, and the rates of each contender."""
    tables, rates = [], None
    for line in lines:
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            rates = None
        elif cells[0].endswith(", MB/s"):
            rates = {}
            chunks = cells[0].removesuffix(", MB/s")
            tables.append({"chunks": chunks, "corpora": cells[1:], "rates": rates})
        elif rates is not None and not re.fullmatch(r"[-:]+", cells[0]):
            rates[cells[0]] = [float(cell) if cell[0].isdigit() else None for cell in cells[1:]]
    return tables


def written(record):
    """Returns a record as JSON, with each list on one line."""
    whole = json.dumps(record, indent=1)
    return re.sub(r"\[[^][{}]*\]", lambda found: " ".join(found[0].split()), whole) + "\n"


def relative(table, name, index):
    """Returns the rate of a contender in one corpus, where that of the fastest peer is 1."""
    peers = [table["rates"][peer][index] for peer, _, _ in PEERS]
    rate = table["rates"][name][index]
    return None if rate is None else rate / max(peer for peer in peers if peer is not None)


def text(x, y, content, size=12, kind="text", anchor="start", weight="normal"):
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" font-size="{size}" text-anchor="{anchor}"'
        f' font-weight="{weight}">{escape(content)}</text>'
    )


def line(x1, x2, y, kind, dashes=""):
    dashes = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'<line x1="{x1:.1f}" x2="{x2:.1f}" y1="{y:.1f}" y2="{y:.1f}" class="{kind}"{dashes}/>'


def draw_legend():
    x = LEFT
    for _, title, kind in OURS + PEERS:
        yield f'<rect x="{x}" y="57" width="12" height="12" rx="2" class="{kind}"/>'
        yield text(x + 18, 67, title)
        x += 38 + 6.6 * len(title)


def draw_panel(table, top, most):
    """Draws one table as a panel, whose upper edge stands for `most`."""
    bottom = top + PANEL
    height = PANEL / most
    yield text(LEFT, top - 12, f"{table['chunks']}", weight="bold")
    for value in range(int(most) + 1):
        y = bottom - value * height
        yield line(LEFT, WIDTH - RIGHT, y, "grid")
        yield text(LEFT - 8, y + 4, f"{value}×", size=11, kind="quiet", anchor="end")
    labels = []
    group = (WIDTH - LEFT - RIGHT) / len(table["corpora"])
    for index, corpus in enumerate(table["corpora"]):
        middle = LEFT + group * (index + 0.5)
        x = middle - (len(OURS + PEERS) * (BAR + GAP) - GAP) / 2
        for name, title, kind in OURS + PEERS:
            value = relative(table, name, index)
            if value is not None:
                y = bottom - value * height
                yield (
                    f'<rect x="{x:.1f}" y="{y:.1f}" width="{BAR}" height="{bottom - y:.1f}" class="{kind}">'
                    f"<title>{escape(title)}, {corpus}: {value:.2f}×, {table['rates'][name][index]:.0f} MB/s"
                    "</title></rect>"
                )
                if (name, title, kind) in OURS:
                    labels.append(text(x + BAR / 2, y - 4, f"{value:.1f}", 10, "text halo", "middle"))
            x += BAR + GAP
        yield text(middle, bottom + 18, corpus, anchor="middle")
        yield text(middle, bottom + 33, EVENTS.get(corpus, ""), size=10.5, kind="quiet", anchor="middle")
    yield line(LEFT, WIDTH - RIGHT, bottom - height, "one", "4 3")
    yield from labels
    yield line(LEFT, WIDTH - RIGHT, bottom, "one")


def draw(record):
    """Returns the picture of all recorded tables."""
    tables = record["tables"]
    values = [
        relative(table, name, index) or 0
        for table in tables
        for name, _, _ in OURS + PEERS
        for index in range(len(table["corpora"]))
    ]
    most = max(values) + 0.25
    height = TOP + len(tables) * (PANEL + BETWEEN) - BETWEEN + BOTTOM
    title = "Decoding: how many times as fast as the fastest peer"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}"'
        f' height="{height}" font-family="system-ui, sans-serif" role="img">',
        f"<title>{title}</title>",
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{height}" rx="8" class="ground"/>',
        text(LEFT, 34, title, size=17, weight="bold"),
        *draw_legend(),
    ]
    for index, table in enumerate(tables):
        parts += draw_panel(table, TOP + index * (PANEL + BETWEEN), most)
    note = f"Median rates, the fastest peer of each corpus being 1×. {record['machine']}, {record['date']}."
    parts += [text(LEFT, height - 14, note, size=11, kind="quiet"), "</svg>"]
    return "\n".join(parts) + "\n"


def main(arguments):
    if arguments == ["--record"]:
        lines = sys.stdin.read().splitlines()
        tables = read_tables(lines)
        if not tables:
            sys.exit("error: stdin has no table of rates")
        # The program says first what it runs on.
        machine = next((line.split("runs on ")[1] for line in lines if "runs on " in line), "unknown")
        record = {
            "date": datetime.date.today().isoformat(),
            "machine": machine.rstrip("."),
            "tables": tables,
        }
        RECORD.write_text(written(record))
    elif arguments:
        sys.exit(__doc__)
    PICTURE.write_text(draw(json.loads(RECORD.read_text())))


if __name__ == "__main__":
    main(sys.argv[1:])
