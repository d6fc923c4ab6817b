"""Figures of fine-tuning: what was gained against what was forgotten, and singular values."""

import numpy as np

from .plots import COLORS, DASHES, MARKERS, Picture, style, subplots


@style()
def gain_and_forgetting(runs, learnt="code", kept="prose"):
    """A curve a method over its learning rates: gain on `learnt` (x) against loss on `kept` (y).

    `runs` are what `finetune` counts, each with a "name"; several seeds at one rate are averaged.
    Both axes in nats a token; the lower right is better.
    """
    figure, axes = subplots(size=(6, 3.8))
    said = []
    for k, name in enumerate(dict.fromkeys(run["name"] for run in runs)):
        mine = [run for run in runs if run["name"] == name and run["after"]]
        points = []
        for lr in sorted({run["lr"] for run in mine}):
            at = [run for run in mine if run["lr"] == lr]
            gain = np.mean([run["base"][learnt] - run["after"][learnt] for run in at])
            rise = np.mean([run["after"][kept] - run["base"][kept] for run in at])
            points.append((gain, rise, lr))
        gains, rises, rates = zip(*points)
        axes.plot(gains, rises, color=COLORS[k % 6], linestyle=DASHES[k % 6], linewidth=1,
                  marker=MARKERS[k % 6], label=name)  # fmt: skip
        best = int(np.argmax(gains))
        said.append(f"{name} gains {gains[best]:.2f} and forgets {rises[best]:.2f} "
                    f"at {rates[best]:g}")  # fmt: skip
    axes.set(xlabel=f"gained on {learnt} (nats)", ylabel=f"forgotten of {kept} (nats)")
    axes.annotate("better", (0.97, 0.04), (0.86, 0.16), xycoords="axes fraction",
                  arrowprops={"arrowstyle": "->"}, ha="center")  # fmt: skip
    axes.legend(fontsize=8)
    return Picture(figure, f"Gain on {learnt} against forgetting of {kept}, a curve a method over "
                   f"its learning rates. At the best rate: {'; '.join(said)}.")  # fmt: skip


@style()
def singular_value_curves(full, lora, layer):
    """Singular values of ΔW on a log axis: full fine-tuning's, and LoRA's for each rank.

    `full` are values, `lora` is {rank: values}.
    """
    figure, axes = subplots()
    axes.semilogy(np.arange(1, len(full) + 1), full, color="black", label="full")
    for k, (rank, values) in enumerate(lora.items()):
        axes.semilogy(np.arange(1, len(values) + 1), values, color=COLORS[k % 6],
                      linestyle=DASHES[k % 6], marker=MARKERS[k % 6], markevery=8,
                      label=f"LoRA r {rank}")  # fmt: skip
    axes.set(xlabel="which singular value", ylabel="its size", title=f"ΔW of {layer}")
    axes.legend(fontsize=8)
    sizes = ", ".join(f"r {rank}: {values[0]:.2g}" for rank, values in lora.items())
    return Picture(figure, f"Singular values of the change of {layer}: full fine-tuning's fall "
                   f"from {full[0]:.2g} to {full[-1]:.2g} over {len(full)}; LoRA's end at its "
                   f"rank. Largest: {sizes}.")  # fmt: skip
