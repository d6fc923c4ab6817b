"""The numbers of a figure as tables, taken from what is drawn, for those who do not see it.

Curves, points, bars, error bars and matrices are told. Left out are areas and contours, pictures in
colour, curves of diagrams (axes that are switched off), and lines without a name, in the legend or
written beside them, where others have one.
"""

import numpy as np
from matplotlib import ticker
from matplotlib.colors import to_hex

MOST = 16  # rows and columns of a table; of more, so many at even distances
FEW = 8  # of a matrix whose rows and columns have no names: a picture of its texture
POINT = "point"  # heads a table of paths, in place of what the x axis shows
NUMBERS = (ticker.ScalarFormatter, ticker.LogFormatter, ticker.NullFormatter)


def tables(figure):
    """(caption, the columns' names, rows as dicts by them) of each, in the order of the panels."""
    panels = [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]
    for number, axes in enumerate(panels, 1):
        place = f"panel {number}" if len(panels) > 1 else ""
        for columns, rows, notes in [*of_images(axes), *of_curves(axes)]:
            said = [place, axes.get_title() or axes.get_ylabel(), *notes, *levels(axes)]
            columns = unique(columns)
            yield "; ".join(filter(None, said)), columns, [dict(zip(columns, row)) for row in rows]


def of_images(axes):
    """A table of each matrix that is drawn: a row a row."""
    for image in axes.images:
        values = np.ma.filled(np.ma.asarray(image.get_array()).astype(float), np.nan)
        if values.ndim != 2:
            continue
        most = MOST if is_named(axes.xaxis) or is_named(axes.yaxis) or axes.texts else FEW
        down, across = (thinned(size, most) for size in values.shape)
        names = [name_of(axes.xaxis, float(j)) for j in across]
        columns = [axes.get_ylabel() or "row", *map(shown, names)]
        rows = [[name_of(axes.yaxis, float(i)), *map(known, values[i, across])] for i in down]
        yield (
            columns,
            rows,
            [
                note(shape, kept, what)
                for shape, kept, what in zip(values.shape, (down, across), ("rows", "columns"))
            ],
        )


def of_curves(axes):
    """Tables of curves, points and bars, those that stand at the same places in one."""
    head, alone = axes.get_xlabel() or "x", axes.get_ylabel() or "y"
    drawn = list(lines(axes)) if axes.axison else []
    marks = [line for line in drawn if len(line[1]) > 1 and len(set(line[2])) == 1 and line[3]]
    dots = [line for line in drawn if len(line[1]) == 1 and line[0]]
    if len(marks) > 1:  # number lines, one above the other
        kept = [
            [name_of(axes.yaxis, y[0]), ", ".join(shown(known(x)) for x in at)]
            for _, at, y, _ in marks
        ]
        yield [axes.get_ylabel() or "marks", head], kept, []
        drawn = [line for line in drawn if len(line[1]) > 2 and line not in marks]
    if len(dots) > 1:  # points, each with a name
        kept = [[name, *at, name_of(axes.yaxis, *y)] for name, at, y, _ in dots]
        yield ["point", head, alone], kept, []
        drawn = [line for line in drawn if line not in dots]
    curves = [*bars(axes), *points(axes), *(as_path(line[:3], head, alone) for line in drawn)]
    curves = [each for curve in curves for each in (curve if type(curve) is list else [curve])]
    if any(name for name, _, _ in curves):
        curves = [curve for curve in curves if curve[0]]
    elif any(len(at) > 2 for _, at, _ in curves):  # beside which short lines are guides
        curves = [curve for curve in curves if len(curve[1]) > 2]
    if axes.containers and getattr(axes.containers[0], "orientation", "") == "horizontal":
        head, alone = axes.get_ylabel() or "bar", axes.get_xlabel() or "length"
    for at, group in at_same_places(curves).items():
        kept, named = [at[i] for i in thinned(len(at))], group[:MOST]
        columns = [POINT if type(at[0]) is tuple else head, *(name or alone for name, _ in named)]
        rows = [[x[1] if type(x) is tuple else x, *(y.get(x, "") for _, y in named)] for x in kept]
        yield columns, rows, [note(len(at), kept, "points"), note(len(group), named, "curves")]


def as_path(curve, head, alone):
    """The curve; one that turns back, as two: both of its coordinates, by the point's number."""
    name, at, values = curve
    numbers = [x for x in at if not isinstance(x, str)]
    steps = np.sign(np.diff(numbers))
    if len(numbers) < len(at) or len(at) < 3 or (steps > 0).all() or (steps < 0).all():
        return curve
    count = [(POINT, i) for i in range(len(at))]
    said = f"{name}: " if name else ""
    return [(f"{said}{head}", count, at), (f"{said}{alone}", count, values)]


def at_same_places(curves):
    """{places: [(name, {place: value})]}; of curves that have few places together, all in one."""
    groups = {}
    for name, at, values in curves:
        if len(at):
            groups.setdefault(tuple(at), []).append((name, dict(zip(at, values))))
    together = dict.fromkeys(x for at in groups for x in at)
    if groups and len(together) <= MOST:
        numeric = all(isinstance(x, float) for x in together)
        return {tuple(sorted(together) if numeric else together): sum(groups.values(), [])}
    return groups


def bars(axes):
    """(name, places, lengths) of each set of bars; bars without a name that stand apart are one."""
    nameless = {}
    for container in axes.containers:
        if not hasattr(container, "datavalues") or not hasattr(container, "patches"):
            continue
        upright = container.orientation == "vertical"
        axis = axes.xaxis if upright else axes.yaxis
        centre = [
            p.get_x() + p.get_width() / 2 if upright else p.get_y() + p.get_height() / 2
            for p in container.patches
        ]
        at = beside_names(axis, centre)
        made = dict(zip(at, map(known, container.datavalues)))
        name = public(container) or public(container.patches[0])  # hist names the first bar
        if name or nameless.keys() & made.keys():
            yield name, list(made), list(made.values())
        else:
            nameless |= made
    if nameless:
        yield "", list(nameless), list(nameless.values())


def points(axes):
    """(name, places, heights) of each cloud of points."""
    for cloud in axes.collections:
        if hasattr(cloud, "get_sizes") and len(cloud.get_offsets()):  # those that scatter makes
            x, y = np.asarray(cloud.get_offsets(), float).T
            yield public(cloud), [name_of(axes.xaxis, float(v)) for v in x], list(map(known, y))


def lines(axes):
    """(name, places, heights, marks alone?) of each curve; with error bars, heights are text."""
    barred = {c.lines[0]: c for c in axes.containers if hasattr(c, "has_yerr") and c.lines[0]}
    caps = {cap for container in barred.values() for cap in container.lines[1]}
    for line in axes.lines:
        if line in caps or along(line, axes) != (True, True):
            continue
        x, y = (np.ravel(d).astype(float) for d in line.get_data(orig=False))
        at, values = [name_of(axes.xaxis, v) for v in x.tolist()], list(map(known, y))
        container = barred.get(line)
        if container is not None and container.has_yerr:
            ends = [segment[:, 1] for segment in container.lines[2][-1].get_segments()]
            at = beside_names(axes.xaxis, x)
            values = [f"{v:.3g} ({a:.3g} to {b:.3g})" for v, (a, b) in zip(y, ends)]
        name = public(line if container is None else container) or written(line, axes)
        yield name, at, values, line.get_linestyle() == "None" or line.get_marker() == "|"


def along(line, axes):
    """(whether its x are the axes' own, whether its y are): a line across the panel lacks one."""
    transform = line.get_transform()
    name = "contains_branch_separately"  # as matplotlib spells it since 3.11
    ask = getattr(transform, name, None) or transform.contains_branch_seperately
    return tuple(ask(axes.transData))  # a list in 3.8


def written(line, axes):
    """What is written at a point of the line, or in its colour; "" for nothing or several."""
    ends = set(zip(*(np.ravel(d).astype(float).tolist() for d in line.get_data(orig=False))))
    at_it = {t.get_text() for t in axes.texts if hasattr(t, "xy") and tuple(t.xy) in ends}
    colour = to_hex(line.get_color())
    like_it = {t.get_text() for t in axes.texts if to_hex(t.get_color()) == colour != "#000000"}
    found = at_it if len(ends) == 1 else like_it
    return " ".join(found.pop().split()) if len(found) == 1 else ""


def levels(axes):
    """In words: each named line across the whole panel."""
    for line in axes.lines:
        own = along(line, axes)
        if own in ((True, False), (False, True)) and public(line):
            value = (line.get_xdata() if own[0] else line.get_ydata())[0]
            yield f"{public(line)}: {'xy'[own[1]]} = {float(value):.3g}"


def public(artist):
    """Its name in the legend, or "" without one."""
    label = str(artist.get_label())
    return "" if label.startswith("_") else label


def is_named(axis):
    """Whether the axis writes names, or numbers of its choice, at its ticks."""
    return not isinstance(axis.get_major_formatter(), NUMBERS)


def name_of(axis, place, within=0.0):
    """What the axis writes at a place or within so many ticks of it; else the place itself."""
    if not is_named(axis) or not len(at := np.asarray(axis.get_majorticklocs(), float)):
        return place
    names = axis.get_major_formatter().format_ticks(at)
    scale = axis.get_transform().transform
    apart = np.abs(scale(at) - scale(np.asarray(place)))
    gap = np.diff(np.sort(scale(at))).min(initial=np.inf)
    near = int(apart.argmin())
    return names[near] if apart[near] <= max(1e-6, within * gap) else place


def beside_names(axis, places):
    """The names of the nearest ticks, for what stands a little beside them; or the places."""
    names = [name_of(axis, float(place), within=0.5) for place in places]
    if len(set(names)) == len(names):
        return names
    return [name_of(axis, float(place)) for place in places]


def known(value):
    """A plain number, or "" for one that is missing."""
    value = float(value) + 0.0  # no −0
    return value if np.isfinite(value) else ""


def thinned(size, most=MOST):
    """At most `most` of range(size), evenly spaced, the first and the last among them."""
    return np.unique(np.linspace(0, size - 1, min(size, most)).round().astype(int)).tolist()


def note(size, kept, what):
    return f"{len(kept)} of {size} {what}" if size > len(kept) else ""


def shown(value):
    return value if isinstance(value, str) else f"{value:.4g}"


def unique(names):
    """The names, those that come again with a number."""
    return [
        name if names.index(name) == place else f"{name} ({names[: place + 1].count(name)})"
        for place, name in enumerate(names)
    ]
