#!/usr/bin/env python3
"""Draws what many streams take in a lane, behind hyper, and in axum.

    benches/plot_streams.py                    draws results/streams.svg from results/streams.json
    benches/plot_streams.py --record < TABLES  records the tables that the program `server` printed, then draws

Needs nothing but Python 3.
"""

import datetime
import json
import re
import sys

from plot import BAR, GAP, LEFT, RESULTS, RIGHT, STYLE, WIDTH, escape, line, text, written

RECORD = RESULTS / "streams.json"
PICTURE = RESULTS / "streams.svg"

# Contenders in the order of their bars: the name in the tables, that in the legend, and a class.
SERVERS = [
    ("ssewire's lane", "ssewire's lane", "a"),
    ("ssewire", "ssewire behind hyper", "b"),
    ("axum", "axum's Sse", "c"),
    ("a loop of writes", "a loop that only writes", "e"),
]
# Panels: the column in the tables, a title, and a scale.
PANELS = [
    ("bytes a stream", "Resident memory of an idle stream, kB", 1000),
    ("µs to open", "Processor time to open a stream, µs", 1),
    ("µs a delivery", "Processor time to deliver an event of 200 bytes, µs", 1),
    ("µs a comment", "Processor time to keep an idle stream alive once, µs", 1),
]
TOP, PANEL, BETWEEN, BOTTOM = 104, 130, 64, 44


def read_tables(lines):
    """Returns the tables in Markdown text: the number of streams, and the columns of each contender."""
    tables, columns = [], None
    for row in lines:
        cells = [cell.strip() for cell in row.strip().strip("|").split("|")]
        count = re.fullmatch(r"(\d+) streams", cells[0])
        if not row.startswith("|"):
            columns = None
        elif count:
            columns = cells[1:]
            tables.append({"streams": int(count[1]), "rows": {}})
        elif columns and not re.fullmatch(r"[-:]+", cells[0]):
            numbers = [re.search(r"[\d.]+", cell) for cell in cells[1:]]
            figures = {name: number and float(number[0]) for name, number in zip(columns, numbers)}
            figures.pop("ratio to axum", None)
            tables[-1]["rows"][cells[0]] = figures
    return tables


def draw_panel(tables, panel, top):
    column, title, scale = panel
    figures = [table["rows"][name][column] / scale for table in tables for name, *_ in SERVERS]
    bottom, height = top + PANEL, PANEL / max(figures) / 1.1
    yield text(LEFT, top - 10, title, weight="bold")
    group = (WIDTH - LEFT - RIGHT) / len(tables)
    for index, table in enumerate(tables):
        middle = LEFT + group * (index + 0.5)
        x = middle - (len(SERVERS) * (3 * BAR + GAP) - GAP) / 2
        for name, label, kind in SERVERS:
            value = table["rows"][name][column] / scale
            y = bottom - value * height
            yield (
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{3 * BAR}" height="{bottom - y:.1f}" class="{kind}">'
                f"<title>{escape(label)}, {table['streams']:,} streams: {value:.2f}</title></rect>"
            )
            digits = 1 if value >= 1 else 2
            yield text(x + 1.5 * BAR, y - 4, f"{value:.{digits}f}", 10, "text", "middle")
            x += 3 * BAR + GAP
        yield text(middle, bottom + 16, f"{table['streams']:,} streams", 11, "quiet", "middle")
    yield line(LEFT, WIDTH - RIGHT, bottom, "one")


def draw(record):
    """Returns the picture of the recorded tables."""
    height = TOP + len(PANELS) * (PANEL + BETWEEN) - BETWEEN + BOTTOM
    title = "What a stream takes, of 1,000 to 15,000"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}"'
        f' height="{height}" font-family="system-ui, sans-serif" role="img">',
        f"<title>{title}</title>",
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{height}" rx="8" class="ground"/>',
        text(LEFT, 34, title, size=17, weight="bold"),
    ]
    x = LEFT
    for _, label, kind in SERVERS:
        parts.append(f'<rect x="{x}" y="52" width="12" height="12" rx="2" class="{kind}"/>')
        parts.append(text(x + 18, 62, label))
        x += 38 + 6.6 * len(label)
    for index, panel in enumerate(PANELS):
        parts += draw_panel(record["tables"], panel, TOP + index * (PANEL + BETWEEN))
    note = f"Medians. {record['machine']}, {record['date']}."
    parts += [text(LEFT, height - 10, note, size=11, kind="quiet"), "</svg>"]
    return "\n".join(parts) + "\n"


def main(arguments):
    if arguments == ["--record"]:
        lines = sys.stdin.read().splitlines()
        tables = read_tables(lines)
        if not tables:
            sys.exit("error: stdin has no table of streams")
        machine = next((row.split("runs on ")[1] for row in lines if "runs on " in row), "unknown")
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
