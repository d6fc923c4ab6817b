"""README.md in a trained folder: a model card, as the Hugging Face Hub shows it."""

import json
from pathlib import Path

from ..checkpoint.peft.adapter import CONFIG
from ..checkpoint.peft.names import OURS
from ..system.files import whole_file
from ..system.hints import command
from ..system.json_text import parse_json

MARK = "# written by lora_np; without this line it is yours, and never written again"
HALF = (  # the gaps: tests/golden/make/check_exports.py
    "PEFT and transformers load a base in half precision by default, where logits differ by some "
    "5e-3 of the largest; in float32 (dtype=torch.float32) by 2e-6."
)


def write_card(directory, numbers, options):
    """Write README.md: base, method, settings, steps, losses, command.

    A README.md that a person wrote stays as it is.
    """
    path = Path(directory) / "README.md"
    if path.exists() and MARK not in path.read_text(encoding="utf-8", errors="replace"):
        return
    with whole_file(path) as temporary:
        text = card(directory, numbers, options)
        temporary.write_text(text, encoding="utf-8", errors="surrogateescape")  # as names are


def card(directory, numbers, options):
    base = options.base or "the base that comes with lora_np"
    peft, whole = peft_reads(directory), options.method == "full"
    fields = [MARK, *([f"base_model: {json.dumps(options.base)}"] if options.base else [])]
    fields += [*(["library_name: peft"] if peft else []), f"tags: [lora_np, {options.method}]"]
    batch, length = numbers["batch"]
    rows = {
        "base": base,
        "method": f"`{numbers['method']}`",
        "text": f"`{options.data}`",
        "steps": f"{numbers['steps']} of {batch} × {length} tokens",
        "learning rate": f"{numbers['lr']:.3g} (AdamW, warm-up, half a cosine)",
        "seed": numbers["seed"],
        "trained numbers": f"{numbers['trained']:,}",
    }
    table = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
    losses = "\n".join(
        f"| {name} | {loss:.3f} | {numbers['after'][name]:.3f} |"
        for name, loss in numbers["base"].items()
    )
    what = "Fine-tuned from" if whole else "An adapter for"
    use = ["--base", directory] if whole else ["--adapter", directory]
    use = use if whole or not options.base else ["--base", options.base, *use]
    return (
        f"""---
{chr(10).join(fields)}
---

{what} {base}.

| | |
|---|---|
{table}

| held-out loss, nats a token | before | after |
|---|---|---|
{losses}

Made by `{command(*from_nothing(options.typed))}`; write with it: `{command("generate", *use)}`.
{HALF if peft else ""}
""".rstrip()
        + "\n"
    )


def from_nothing(typed):
    """What was typed, without --resume or a beginning that argparse takes for it."""
    return [word for word in typed if not (word[:5] == "--res" and "--resume".startswith(word))]


def peft_reads(directory):
    """Whether the folder holds an adapter of a kind that PEFT has."""
    path = Path(directory) / CONFIG
    return path.exists() and parse_json(path.read_text(encoding="utf-8"))["peft_type"] != OURS
