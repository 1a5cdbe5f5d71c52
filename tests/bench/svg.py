"""A bar chart as SVG, on a scale that shows one millisecond beside a second."""

from collections.abc import Sequence
from html import escape
from math import log10

WIDTH, LABELS, ROW = 900, 360, 20  # pixels
_STYLE = (
    "text{font:12px sans-serif;fill:#333}.bar{fill:#4477aa}.theirs{fill:#bbbbbb}.line{stroke:#ddd}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}.line{stroke:#444}.theirs{fill:#777}}"
)
_THEIRS = ("python -", "ECR", "docker-credential-pass", "az ", "plain")


def bars(title: str, rows: Sequence[tuple[str, float]]) -> str:
    """Return a chart of *rows*, each a name and seconds; others' programs are grey."""
    top, floor = 44, 1e-3  # the scale begins at a millisecond
    ceiling = max((seconds for _, seconds in rows), default=1.0)
    per_decade = (WIDTH - LABELS - 80) / log10(max(ceiling, floor * 10) / floor)

    def length(seconds: float) -> float:
        return max(log10(max(seconds, floor) / floor) * per_decade, 1)

    height = top + ROW * len(rows) + 10
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style>",
        f'<text x="0" y="16">{escape(title)} (each step of the scale is ten times the one before)</text>',
    ]
    decade = floor
    while decade <= ceiling:
        x = LABELS + length(decade)
        out.append(f'<line class="line" x1="{x:.0f}" x2="{x:.0f}" y1="{top - 4}" y2="{height}"/>')
        out.append(f'<text x="{x:.0f}" y="{top - 8}" text-anchor="middle">{decade * 1e3:g}</text>')
        decade *= 10
    for number, (name, seconds) in enumerate(rows):
        y = top + ROW * number
        kind = "theirs" if name.startswith(_THEIRS) or "ECR" in name else "bar"
        end = LABELS + length(seconds)
        wide = f'width="{end - LABELS:.1f}" height="{ROW - 6}"'
        out += [
            f'<text x="{LABELS - 8}" y="{y + 14}" text-anchor="end">{escape(name)}</text>',
            f'<rect class="{kind}" x="{LABELS}" y="{y + 3}" {wide}/>',
            f'<text x="{end + 6:.1f}" y="{y + 14}">{seconds * 1e3:.1f}</text>',
        ]
    return "\n".join([*out, "</svg>", ""])
