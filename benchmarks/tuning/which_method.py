"""Write the two tables of notebooks/WHICH_METHOD.md from the stored experiments, over their seeds.

python benchmarks/tuning/which_method.py
"""

import argparse
import json
import pathlib

import numpy as np

from lora_np.course.experiments.common import paired
from lora_np.course.experiments.methods_text import between, forgotten, shares
from lora_np.course.experiments.protocol import by_seed

ROOT = pathlib.Path(__file__).parents[2]
PAGE = ROOT / "notebooks" / "WHICH_METHOD.md"
BEGIN, END = "<!-- {}: python benchmarks/tuning/which_method.py -->\n", "<!-- end of {} -->\n"
FULL, LORA, ALL = "full fine-tuning", "LoRA r 8, everywhere", " r 8, everywhere"
SKILLS = {  # a row of the text experiment: the row of the skills experiment that is its like
    "full fine-tuning": "full fine-tuning",
    "LoRA r 8, everywhere": "LoRA r 1, everywhere",
    "LoRA r 1, everywhere": None,
    "LoRA r 32, everywhere": None,
    "LoRA r 8, c_attn": "LoRA r 4, attention's qkv",
    "QLoRA r 8, everywhere": None,  # there it ran on attention alone
    "DoRA r 8, everywhere": None,
    "PiSSA r 8, everywhere": None,
    "LoRA+ r 8, everywhere": None,
    "Houlsby adapters, width 32": "Houlsby adapters, width 8",
    "Pfeiffer adapters, width 32": "Pfeiffer adapters, width 8",
    "IA3": "IA3",
    "BitFit": "BitFit",
    "prefix, 16 positions": "prefix, 4 positions",
    "prefix, 16, by an MLP": "prefix, 4 positions, with its MLP",
    "prompt, 16 tokens": "prompt, 4 tokens",
    "head": "head",
}


def stored(name):
    return json.loads((ROOT / "benchmarks/results" / f"{name}.json").read_text("utf-8"))


def rows(text, skills):
    """(method, trained %, rate, step, three pairs or more of a mean and its spread)."""
    full = by_seed(text, FULL, "cpu_ms").min()
    for name, like in SKILLS.items():
        how, step = text["ways"][name], by_seed(text, name, "cpu_ms").min() / full
        accuracy = np.transpose(skills["rows"][like]["accuracy"]) if like else []
        trained = 100 * how["runs"][0]["trained"] / text["ways"][FULL]["runs"][0]["trained"]
        measured = [100 * shares(text, name), by_seed(text, name, forgotten), *accuracy]
        spreads = [(np.mean(values), np.std(values)) for values in measured]
        yield name, trained, f"{how['lr']:.2g} ({between(how)})", step, *spreads


def table(text, skills):
    lines = [
        "| method | trained | learning rate | step | gain on code | prose forgotten "
        "| known skill | new: + 5 | new: reverse + 1 |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, trained, lr, step, share, lost, *accuracy in rows(text, skills):
        cells = [name, f"{trained:.3g} %", lr, f"{step:.2f}"]
        cells += ["{:.0f} ± {:.0f} %".format(*share), "{:+.2f} ± {:.2f}".format(*lost)]
        cells += ["{:.2f} ± {:.2f}".format(*a) for a in accuracy] or ["–"] * 3
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def best_losses(runs, name, size):
    """The least loss on code on the way, a seed each, after learning from `size` bytes of it."""
    chosen = [run for run in runs if (run["name"], run["bytes"]) == (name, size)]
    return np.array([min(check["code"] for check in run["evaluations"]) for run in chosen])


def on_text(text):
    """(what is measured, one method, another, the one's values, the other's), a value a seed."""
    qlora, dora, attention = "QLoRA" + ALL, "DoRA" + ALL, "LoRA r 8, c_attn"
    for one, other in ((LORA, FULL), (dora, LORA), (qlora, LORA), (LORA, attention)):
        yield "gain on code, %", one, other, 100 * shares(text, one), 100 * shares(text, other)
    lost = (by_seed(text, name, forgotten) for name in (LORA, FULL))
    yield "prose forgotten", LORA, FULL, *lost


def on_skills(rows):
    everywhere, attention = "LoRA r 1, everywhere", "LoRA r 4, attention's qkv"
    for k, what, one, other in (
        (1, "new: + 5", "prefix, 4 positions", attention),
        (2, "new: reverse + 1", everywhere, FULL),
        (2, "new: reverse + 1", attention, everywhere),
    ):
        ours, theirs = (np.transpose(rows[name]["accuracy"])[k] for name in (one, other))
        yield what, one, other, ours, theirs


def elsewhere(examples, nf4):
    """By how much code is read; and on SmolLM2."""
    some, all_of_it = 64_000, max(run["bytes"] for run in examples)
    lora, full = (
        {size: best_losses(examples, name, size) for size in (some, all_of_it)}
        for name in ("LoRA r 8, all", "full")
    )
    yield "loss on code, 64 kB read", LORA, FULL, lora[some], full[some]
    gaps = [lora[size] - full[size] for size in (all_of_it, some)]
    yield "the same, as a gap", "6 MB read", "64 kB read", *gaps
    names = ("QLoRA (NF4, scales in 8 bits)", "LoRA on float32")
    found = [[run["perplexity"] for run in nf4["rows"][name]] for name in names]
    yield "perplexity of SmolLM2", "QLoRA" + ALL, LORA, *found


def compared():
    yield from on_text(stored("methods_text"))
    yield from on_skills(stored("methods")["rows"])
    yield from elsewhere(stored("examples"), stored("real_nf4"))


def pairs():
    lines = ["| measured | one | less another | in pairs of one seed |", "|---|---|---|---|"]
    for what, one, other, ours, theirs in compared():
        lines.append(f"| {what} | {one} | {other} | {paired(ours, theirs)} |")
    return "\n".join(lines) + "\n"


def page(old):
    """`old` with its tables made anew."""
    made = {"table": table(stored("methods_text"), stored("methods")), "pairs": pairs()}
    for name, lines in made.items():
        begin, end = BEGIN.format(name), END.format(name)
        head, rest = old.split(begin)
        old = head + begin + "\n" + lines + "\n" + end + rest.split(end)[1]
    return old


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()  # no options
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
    print(f"{PAGE.relative_to(ROOT)} written")
