"""The table as a picture: each row's competitors on a logarithmic axis of time over Bitale's."""

import math
from xml.sax.saxutils import escape

from measure import over_ours

_COLOURS = ("#d62728", "#ff7f0e", "#9467bd", "#1f77b4", "#2ca02c", "#8c564b", "#7f7f7f",
            "#e377c2", "#17becf", "#bcbd22")
_LEFT, _RIGHT, _LINE = 470, 900, 18


def _dots(result):
    """[(name, ratio)] of those that computed the same, the floor among them."""
    entries = result["results"]
    ours = entries["bitale"]
    dots = [(name, over_ours(entry, ours)) for name, entry in entries.items()
            if name != "bitale" and "median" in entry and "disagrees" not in entry]
    if "of_floor" in result:
        dots.append(("floor", 1 / result["of_floor"]))
    return dots


def svg(results, label):
    """The picture as text. `label`: a result's words at the left."""
    rows = [(label(r), _dots(r)) for r in results if "median" in r["results"].get("bitale", {})]
    names = []
    for _, dots in rows:
        names += [name for name, _ in dots if name not in names and name != "floor"]
    colours = {"floor": "#000000", **dict(zip(names, _COLOURS * 2))}
    # Half to a hundred times; what lies outside stands at the edge.
    low, high = math.log10(0.4), math.log10(100)

    def x(ratio):
        share = (math.log10(ratio) - low) / (high - low)
        return _LEFT + (_RIGHT - _LEFT) * min(max(share, 0), 1)

    top = 3 * _LINE
    height = top + _LINE * (len(rows) + 2)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{_RIGHT + 40}" height="{height}" '
             'font-family="sans-serif" font-size="11">',
             f'<rect width="{_RIGHT + 40}" height="{height}" fill="white"/>']
    for i, (name, colour) in enumerate(colours.items()):
        at = 10 + 102 * i
        parts.append(f'<circle cx="{at}" cy="14" r="4" fill="{colour}"/>')
        parts.append(f'<text x="{at + 8}" y="18">{escape(name)}</text>')
    for ratio in (0.5, 1, 2, 5, 10, 20, 50, 100):
        width = 2 if ratio == 1 else 0.5
        parts.append(f'<line x1="{x(ratio):.1f}" x2="{x(ratio):.1f}" y1="{top - 8}" '
                     f'y2="{height - _LINE}" stroke="#999" stroke-width="{width}"/>')
        parts.append(f'<text x="{x(ratio):.1f}" y="{top - 12}" text-anchor="middle">'
                     f'{ratio:g}×</text>')
    for i, (words, dots) in enumerate(rows):
        y = top + _LINE * i + 8
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4}" text-anchor="end">{escape(words)}</text>')
        for name, ratio in dots:
            parts.append(f'<circle cx="{x(ratio):.1f}" cy="{y}" r="4" fill="{colours[name]}" '
                         f'fill-opacity="0.8"><title>{escape(name)}: {ratio:.2f}×</title></circle>')
    parts.append(f'<text x="{_LEFT}" y="{height - 4}">time over Bitale\'s: to the right of 1 '
                 'Bitale is faster</text></svg>')
    return "\n".join(parts) + "\n"
