"""Plots as SVG, drawn here: no library, no script, colours from the page, every text escaped."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

from audit.report.document import Chart, Plot
from audit.report.showing import Shower

HEAT_STEPS = 5  # shades of the heat map above "none"
_WIDTH, _HEIGHT = 900, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 8, 12, 26
_CELL_HEIGHT = 26


def svg_of(chart: Chart, shower: Shower) -> Markup:
    """The plot, with its title and what it shows in a sentence for those who do not see it."""
    draw = {Plot.STACKED: _bars, Plot.BARS: _bars, Plot.HEAT: _heat}[chart.plot]
    body, height = draw(chart, shower)
    title = shower.text(chart.caption)
    total = sum(sum(series.values) for series in chart.series)
    described = f"{shower.word('total')}: {total:,}. {_peak(chart, shower)}".strip()
    id_ = escape(f"chart-{chart.id}")
    return Markup(  # noqa: S704 - every part is escaped or a number of ours
        f'<svg role="img" aria-labelledby="{id_}-title {id_}-what" viewBox="0 0 {_WIDTH} {height}" '
        f'class="plot {chart.plot}" preserveAspectRatio="xMidYMid meet">'
        f'<title id="{id_}-title">{escape(title)}</title><desc id="{id_}-what">{escape(described)}</desc>{body}</svg>'
    )


def top_of_axis(greatest: int) -> tuple[int, int]:
    """Where an axis ends and the step of its lines: whole numbers, at most five lines. (7 -> 8, 2)"""
    size = 1
    while True:
        for step in (size, 2 * size, 5 * size):
            if greatest <= 4 * step:
                return max(step, -(-greatest // step) * step), step
        size *= 10


def heat_step(count: int, greatest: int) -> int:
    """Which shade a cell has: 0 for nothing, and HEAT_STEPS for the most."""
    return 0 if count <= 0 or greatest <= 0 else max(1, -(-count * HEAT_STEPS // greatest))


def _peak(chart: Chart, shower: Shower) -> str:
    """The greatest label and its number."""
    sums = [sum(series.values[place] for series in chart.series) for place in range(len(chart.labels))]
    if not any(sums):
        return ""
    place = sums.index(max(sums))
    return f"{shower.text(chart.labels[place])}: {sums[place]:,}"


def _bars(chart: Chart, shower: Shower) -> tuple[str, int]:
    count = len(chart.labels)
    sums = [sum(series.values[place] for series in chart.series) for place in range(count)]
    top, step = top_of_axis(max(sums, default=0))
    inner, room = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    slot = inner / max(count, 1)
    width = slot * (0.72 if count > 10 else 0.5)
    parts = []
    for value in range(0, top + 1, step):
        y = _TOP + room - room * value / top
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick" x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:,}</text>')
    for place in range(count):
        x = _LEFT + slot * place + (slot - width) / 2
        y = float(_TOP + room)
        label = shower.text(chart.labels[place])
        told = ", ".join(
            f"{shower.text(series.name)} {series.values[place]:,}" for series in chart.series if series.values[place]
        )
        parts.append(f"<g><title>{escape(f'{label}: {told or 0}')}</title>")
        for series in reversed(chart.series):  # the worst at the top
            if series.values[place]:
                height = room * series.values[place] / top
                y -= height
                style = escape(series.style)
                box = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
                parts.append(f'<rect class="bar s-{style}" {box}/>')
        parts.append("</g>")
        if chart.plot is Plot.BARS and sums[place]:
            parts.append(
                f'<text class="value" x="{x + width / 2:.1f}" y="{y - 4:.1f}" text-anchor="middle">{sums[place]:,}'
                "</text>"
            )
        shown = shower.short_day(chart.labels[place])
        parts.append(
            f'<text class="tick" x="{x + width / 2:.1f}" y="{_HEIGHT - 8}" text-anchor="middle">{escape(shown)}</text>'
        )
    return "".join(parts), _HEIGHT


def _heat(chart: Chart, shower: Shower) -> tuple[str, int]:
    greatest = max((value for series in chart.series for value in series.values), default=0)
    slot = (_WIDTH - _LEFT - _RIGHT) / max(len(chart.labels), 1)
    parts = []
    for row, series in enumerate(chart.series):
        y = row * _CELL_HEIGHT
        name = shower.text(series.name)
        parts.append(f'<text class="tick" x="{_LEFT - 6}" y="{y + 17}" text-anchor="end">{escape(name)}</text>')
        for place, value in enumerate(series.values):
            parts.append(_heat_cell(value, greatest, _LEFT + slot * place, y, slot))
    foot = len(chart.series) * _CELL_HEIGHT
    parts += _heat_hours(chart, shower, slot, foot + 18)
    return "".join(parts), foot + 26


def _heat_cell(value: int, greatest: int, x: float, y: int, slot: float) -> str:
    step = heat_step(value, greatest)
    box = f'x="{x + 1:.1f}" y="{y + 1}" width="{slot - 2:.1f}" height="{_CELL_HEIGHT - 2}"'
    shown = (
        f'<text class="heat-{step}-text" x="{x + slot / 2:.1f}" y="{y + 17}" text-anchor="middle">{value:,}</text>'
        if value
        else ""
    )
    return f'<rect class="heat-{step}" {box} rx="3"/>{shown}'


def _heat_hours(chart: Chart, shower: Shower, slot: float, y: int) -> Sequence[str]:
    return [
        f'<text class="tick" x="{_LEFT + slot * (place + 0.5):.1f}" y="{y}" text-anchor="middle">'
        f"{escape(shower.text(label))}</text>"
        for place, label in enumerate(chart.labels)
    ]
