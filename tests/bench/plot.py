"""The growth as a picture: one small chart for each cost, both axes logarithmic, a dotted line where linear growth would be."""

import html
import math

WIDTH, HEIGHT, COLUMNS = 360, 250, 3
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 30, 34
COLOURS = ("#444444", "#d62728", "#1f77b4", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#8c564b", "#e377c2")
DASHES = ("", "6 3", "2 2", "8 3 2 3")


def draw(series, machine):
    """The whole SVG, as text."""
    charts = {}
    for one in series:
        if one["points"]:
            charts.setdefault((one["item"], one["cost"], one["unit"]), []).append(one)
    names = list(dict.fromkeys(one["subject"] for one in series))
    styles = {name: (COLOURS[i % len(COLOURS)], DASHES[i // len(COLOURS) % len(DASHES)]) for i, name in enumerate(names)}
    rows = max(1, math.ceil(len(charts) / COLUMNS))
    legend = 24 + 16 * math.ceil(len(names) / 4)
    width, height = WIDTH * COLUMNS, HEIGHT * rows + legend + 20
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
           'font-family="sans-serif" font-size="11">', f'<rect width="{width}" height="{height}" fill="white"/>',
           _text(10, 16, f"{machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}, {machine['date']}")]
    for i, name in enumerate(names):
        x, y = 10 + (i % 4) * 200, 32 + (i // 4) * 16
        out.append(_line([(x, y - 4), (x + 30, y - 4)], *styles[name]))
        out.append(_text(x + 36, y, name))
    for i, ((item, cost, unit), some) in enumerate(charts.items()):
        out.append(f'<g transform="translate({i % COLUMNS * WIDTH},{i // COLUMNS * HEIGHT + legend + 10})">')
        out += _chart(item, f"{cost} {unit}".strip(), some, styles)
        out.append("</g>")
    return "\n".join(out + ["</svg>"]) + "\n"


def _chart(item, title, series, styles):
    points = [(x, y) for one in series for x, y in one["points"] if x > 0 and y > 0]
    out = [_text(LEFT, 16, f"{title}, by {item}", weight="bold")]
    if not points:
        return out
    across = _scale([x for x, _ in points], LEFT, WIDTH - RIGHT)
    # The sizes are few and say more than powers of ten.
    across.ticks = sorted({x for x, _ in points})
    up = _scale([y for _, y in points], HEIGHT - BOTTOM, TOP)
    for value in across.ticks:
        out.append(_line([(across(value), TOP), (across(value), HEIGHT - BOTTOM)], "#dddddd", width=0.6))
        out.append(_text(across(value), HEIGHT - BOTTOM + 14, _short(value), anchor="middle"))
    for value in up.ticks:
        out.append(_line([(LEFT, up(value)), (WIDTH - RIGHT, up(value))], "#dddddd", width=0.6))
        out.append(_text(LEFT - 4, up(value) + 4, _short(value), anchor="end"))
    # Linear growth from the lowest first point, as far as it stays in the chart.
    x, y = min(points)
    end = min(across.high, up.high / y * x)
    out.append(_line([(across(x), up(y)), (across(end), up(y * end / x))], "#999999", "1 3"))
    for one in series:
        shown = [(across(x), up(y)) for x, y in one["points"] if x > 0 and y > 0]
        out.append(_line(shown, *styles[one["subject"]]))
        out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.2" fill="{styles[one["subject"]][0]}"/>' for x, y in shown]
    return out


class _scale:
    """Maps values to a range of the picture, logarithmically; ticks: powers of ten, with 2 and 5 when there are few."""

    def __init__(self, values, start, end):
        self.low, self.high = min(values), max(values)
        if self.high < self.low * 2:
            self.low, self.high = self.low / 1.5, self.high * 1.5
        self.start, self.end = start, end
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        for steps in (1,), (1, 2, 5):
            self.ticks = [step * 10.0 ** power for power in powers for step in steps
                          if self.low * 0.999 <= step * 10.0 ** power <= self.high * 1.001]
            if len(self.ticks) >= 3:
                break

    def __call__(self, value):
        part = math.log(value / self.low) / math.log(self.high / self.low)
        return self.start + part * (self.end - self.start)


def _short(value):
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def _line(points, colour, dash="", width=1.6):
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"{dashes}/>'


def _text(x, y, text, anchor="start", weight="normal"):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}">{html.escape(text)}</text>'
