"""The comparison as one figure: the ratio ours / theirs of every row, with its quartiles."""

from lora_np.analysis.plots import COLORS, save, style, subplots


@style()
def draw(rows, path):
    figure, axes = subplots(size=(6, 0.25 * len(rows) + 1))
    for y, row in enumerate(reversed(rows)):
        low, high = row["quartiles"]
        color = COLORS[0] if row["ratio"] <= 1 else COLORS[1]
        axes.plot([low, high], [y, y], color=color, linestyle="-")
        axes.plot(row["ratio"], y, "o", color=color)
    names = [f"{row['kind']} {'×'.join(map(str, row['shape']))}" for row in reversed(rows)]
    axes.set_yticks(range(len(rows)), names)
    axes.set_xscale("log")
    axes.axvline(1, color="#888888", linestyle=":")
    axes.set_xlabel("time, ours / theirs (floor: / bare products; import: / NumPy's)")
    save(figure, path)
