"""The tour: what a stranger sees first."""

import time

import numpy as np

from .. import worked_example
from ..checkpoint import load_base
from ..generation.sampling import generate
from ..methods import LoRA, QLoRA
from ..methods.targets import ALL_LINEAR
from ..recipes.finetune import finetune
from ..recipes.step_memory import layer_rows
from ..system.hints import command
from ..tasks import text
from ..tokenizers import byte
from ..worked_example.screen import descent_lines, lesson
from ..worked_example.text import bar, number, vector


def run(seed=0, steps=60):
    """Every number of the tour, as a dictionary; `steps` of fine-tuning for each method."""
    start = time.perf_counter()
    numbers = {"seed": seed, "six_numbers": worked_example.run(), "layer": layer_table(seed)}
    numbers["language_model"] = language_model(seed, steps)
    numbers["seconds"] = time.perf_counter() - start
    return numbers


def layer_table(seed, n_in=512, n_out=1536, rank=8, tokens=8 * 128):
    """One training step on a layer of the document's shape, and the bytes it holds, measured."""
    rows = layer_rows(n_in, n_out, rank, np.random.default_rng(seed), tokens)
    rows[-1]["name"] += " (NF4)"
    return {
        "shape": [n_in, n_out],
        "rows": rows,
        "tokens": tokens,
        "input_bytes": 4 * tokens * n_in,
    }


def language_model(seed=0, steps=60, rank=8, batch_size=8, windows=32):
    """The base adapted from English prose to Python code by LoRA and by QLoRA, a row for each."""
    base, code, prose = load_base(), text.code(), text.prose()
    methods = {
        f"LoRA r {rank}": LoRA(rank, 2.0 * rank, ALL_LINEAR),
        f"QLoRA r {rank}": QLoRA(rank, 2.0 * rank, ALL_LINEAR),
    }
    settings = {"steps": steps, "batch_size": batch_size, "windows": windows}
    rows, samples = [], {"before": sample(base, seed)}
    for name, method in methods.items():
        model, _, numbers = finetune(base, method, code, [prose], seed=seed, **settings)
        rows.append({"name": name, **numbers})
        samples[name] = sample(model, seed)
    weights = sum(parameter.size for parameter in base.parameters())
    return {"weights": weights, "steps": steps, "rows": rows, "samples": samples}


def sample(model, seed, prompt="def ", n=40):
    """Bytes drawn after `prompt`, one after another; escaped, so that they fit one line."""
    rng = np.random.default_rng(seed)
    tokens = generate(model, byte.encode(prompt), n, temperature=0.6, rng=rng)[len(prompt) :]
    return byte.decode(tokens).encode("unicode_escape").decode()


def language_lines(model, seed):
    lines = [
        f"3  A LANGUAGE MODEL ({model['weights']:,} weights), ENGLISH PROSE -> PYTHON CODE",
        "     held-out loss, nats/byte       code    prose   trained    bytes*  ms/step",
    ]
    base = model["rows"][0]["base"]
    lines.append(f"     {'before':<27}{base['code']:>8.3f}{base['prose']:>9.3f}")
    for row in model["rows"]:
        held = sum(size for kind, size in row["bytes"].items() if kind != "activations")
        lines.append(
            f"     {row['name'] + ', ' + str(row['steps']) + ' steps':<27}"
            f"{row['after']['code']:>8.3f}{row['after']['prose']:>9.3f}{row['trained']:>10,}"
            f"{held / 1e6:>7.2f} MB{row['ms_per_step']:>8.0f}"
        )
    rise = model["rows"][0]["after"]["prose"] - base["prose"]
    verb = "rose" if rise > 0 else "fell"
    lines.append(
        f"   prose {verb} by {abs(rise):.3f}"
        + (": that is forgetting." if rise > 0 else ".")
        + f" One seed ({seed}), few steps."
    )
    before, after = model["samples"]["before"], model["samples"][model["rows"][0]["name"]]
    lines += [f'   "def " before: {before[:58]}', f"           after: {after[:58]}", ""]
    return lines


def screen(numbers):
    """The tour as text, plain ASCII, at most 79 columns."""
    n, layer = numbers["six_numbers"], numbers["layer"]
    document, count = vector(n["document_y"]), n["counts"][0]
    seed = f"seed {numbers['seed']}, CPU only"
    lines = [
        "lora_np: LoRA and QLoRA in plain NumPy" + seed.rjust(41),
        "",
        f"1  SIX NUMBERS        x = {vector(n['x'])}    y = xW = {vector(n['y'])}",
        f"   The document prints {document}; its own terms sum to {vector(n['y'])}.",
        f"   So let LoRA (r {n['rank']}, alpha {number(n['alpha'])}) learn the printed answer,"
        " with W frozen:",
        *descent_lines(n, shown=(0, 2, 5, 10)),
        f"   Trained: {count['lora']} numbers (full fine-tuning: {count['full']})."
        f" W's {n['W_bytes']} bytes: {'unchanged' if n['W_unchanged'] else 'CHANGED'}.",
        "",
        f"2  THE SAME LINES AT {layer['shape'][0]} x {layer['shape'][1]}"
        "            trained     bytes held in training*",
    ]
    largest = layer["rows"][0]["total"]
    for row in layer["rows"]:
        lines.append(
            f"     {row['name']:<33}{row['trained']:>11,}{row['total'] / 1e6:>10.2f} MB  "
            + bar(row["total"], largest, 14)
        )
    lines += [
        "   * weights + gradients + AdamW's two moments. Activations are extra and no",
        f"     smaller: the inputs of {layer['tokens']:,} tokens alone take "
        f"{layer['input_bytes'] / 1e6:.2f} MB.",
        "",
        *language_lines(numbers["language_model"], numbers["seed"]),
        f"NEXT  {command(module='lora_np.worked_example')}   part 1 by hand",
        *([f"      {lesson()}"] if lesson() else []),
        f"      {command('finetune', '--data', 'YOUR.txt')}   your own text",
        f"                                           Took {numbers['seconds']:.1f} s. More: --help",
    ]
    return "\n".join(lines)
