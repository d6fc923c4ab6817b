"""Write the table of notebooks/WHICH_METHOD.md from the two stored experiments, over their seeds.

    python benchmarks/which_method.py
"""

import json
import pathlib

import numpy as np

from lora_np.experiments.methods_text import forgotten, gain

ROOT = pathlib.Path(__file__).parent.parent
PAGE = ROOT / "notebooks" / "WHICH_METHOD.md"
BEGIN, END = "<!-- table: python benchmarks/which_method.py -->\n", "<!-- end of table -->\n"
SKILLS = {  # a row of the text experiment: the row of the skills experiment that is its like
    "full fine-tuning": "full fine-tuning",
    "LoRA r 8, everywhere": "LoRA r 1, everywhere",
    "LoRA r 8, c_attn": "LoRA r 4, attention's qkv",
    "QLoRA r 8, everywhere": "QLoRA r 4, attention's qkv",
    "DoRA r 8, everywhere": None,
    "Houlsby adapters, width 32": "Houlsby adapters, width 8",
    "Pfeiffer adapters, width 32": "Pfeiffer adapters, width 8",
    "IA3": "IA3",
    "BitFit": "BitFit",
    "prefix, 16 positions": "prefix, 4 positions",
    "prompt, 16 tokens": "prompt, 4 tokens",
    "head": "head",
}


def stored(name):
    return json.loads((ROOT / "benchmarks/results" / f"{name}.json").read_text("utf-8"))


def rows(text, skills):
    """(method, trained %, step, gain %, its spread, forgotten, its spread, three accuracies)."""
    full = text["runs"]["full fine-tuning"]
    for name, like in SKILLS.items():
        runs = text["runs"][name]
        share = [100 * gain(r) / gain(f) for r, f in zip(runs, full)]
        step = np.median([r["cpu_ms_per_step"] / f["cpu_ms_per_step"] for r, f in zip(runs, full)])
        lost = [forgotten(r) for r in runs]
        accuracy = np.mean(skills["rows"][like]["accuracy"], axis=0) if like else [None] * 3
        trained = 100 * runs[0]["trained"] / full[0]["trained"]
        yield (name, trained, runs[0]["lr"], step, np.mean(share), np.std(share), np.mean(lost),
               np.std(lost), *accuracy)  # fmt: skip


def table(text, skills):
    lines = [
        "| method | trained | learning rate | step | gain on code | prose forgotten "
        "| known skill | new: + 5 | new: reverse + 1 |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, trained, lr, step, share, spread, lost, lost_spread, *accuracy in rows(text, skills):
        cells = [name, f"{trained:.3g} %", f"{lr:g}", f"{step:.2f}"]
        cells += [f"{share:.0f} ± {spread:.0f} %", f"{lost:+.2f} ± {lost_spread:.2f}"]
        cells += ["–" if a is None else f"{a:.2f}" for a in accuracy]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def page(old):
    """`old` with its table made anew."""
    head, rest = old.split(BEGIN)
    made = table(stored("methods_text"), stored("methods"))
    return head + BEGIN + "\n" + made + "\n" + END + rest.split(END)[1]


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
    print(f"{PAGE.relative_to(ROOT)} written")
