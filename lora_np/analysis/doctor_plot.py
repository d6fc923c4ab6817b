"""A picture of an adapter: every layer's change, and how many of its directions work."""

import numpy as np

from ..system.hints import kind_of
from .plots import Picture, style, subplots

FEW = 12  # blocks up to which each cell has its number


@style()
def picture(numbers):
    """Two maps, a row a kind of layer and a column a block, of what `examine` gives.

    Where there is no base, the change is ‖s·ΔW‖ alone. A layer without a number stays empty.
    """
    layers = numbers["layers"]
    key = "change" if any("change" in each for each in layers.values()) else "size"
    rows = list(dict.fromkeys(map(kind_of, layers))) or [""]  # of a prefix: an empty one
    columns = max(map(block_of, layers), default=0) + 1
    label = "‖s·ΔW‖ / ‖W‖" if key == "change" else "‖s·ΔW‖"
    maps = {label: np.full((len(rows), columns), np.nan)}
    maps["working share of r"] = np.full_like(maps[label], np.nan)
    for name, each in layers.items():
        place = rows.index(kind_of(name)), block_of(name)
        maps[label][place] = each.get(key, np.nan)
        if "works" in each:
            maps["working share of r"][place] = each["works"] / each["rank"]
    width, height = max(7, 0.62 * 2 * columns + 3), 1.6 + 0.34 * len(rows)
    figure, axes = subplots(1, 2, (min(width, 16), height), squeeze=False, sharey=True)
    for at, (title, values) in zip(axes[0], maps.items()):
        draw(at, values, title, 1.0 if "share" in title else None)
    axes[0][0].set_yticks(range(len(rows)), rows)
    return Picture(figure, alt(numbers, layers, key, label))


def draw(axes, values, title, top):
    top = top or values[np.isfinite(values)].max(initial=0) or 1
    shown = axes.imshow(values, cmap="cividis", vmin=0, vmax=top, aspect="auto")
    axes.grid(False)
    axes.set(title=title, xlabel="block")
    axes.set_xticks(range(values.shape[1]) if values.shape[1] <= FEW else [0, values.shape[1] - 1])
    for (i, j), value in np.ndenumerate(values if values.shape[1] <= FEW else np.empty((0, 0))):
        ink = "white" if value <= 0.6 * top else "black"
        text = "none" if np.isnan(value) else f"{value:.2g}"
        axes.text(j, i, text, ha="center", va="center", fontsize=8, color=ink)
    axes.figure.colorbar(shown, ax=axes, fraction=0.05)


def block_of(name):
    """The number of the block that a layer is in: 3 of h.3.attn.c_attn."""
    return next((int(part) for part in name.split(".") if part.isdigit()), 0)


def alt(numbers, layers, key, label):
    changes = {name: each[key] for name, each in layers.items() if key in each}
    said = "No layer has a change to show."
    if changes:
        least, most = (pick(changes, key=changes.__getitem__) for pick in (min, max))
        said = f"{label} from {changes[least]:.2g} ({least}) to {changes[most]:.2g} ({most})."
    works = [each["works"] / each["rank"] for each in layers.values() if "works" in each]
    share = f" Of r, {min(works):.0%} to {max(works):.0%} works." if works else ""
    return f"{numbers['what']}, layer by layer. {said}{share}"
