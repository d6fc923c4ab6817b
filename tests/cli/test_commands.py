"""The subcommands, in this process, on a tiny model and tiny texts."""

import dataclasses
import json

import numpy as np
import pytest

from lora_np import cross_entropy
from lora_np.__main__ import main
from lora_np.checkpoint import load_adapter, load_gpt2, save_gpt2, save_llama
from lora_np.checkpoint import model as model_of
from lora_np.methods import METHODS
from lora_np.nn import GPT, GPTConfig, Llama, LlamaConfig
from lora_np.tasks import text
from lora_np.tokenizers.byte import VOCABULARY, ByteTokenizer
from lora_np.tokenizers.special_tokens import SpecialTokens
from lora_np.train import held_out_loss

TINY = GPTConfig(VOCABULARY, n_positions=160, n_embd=8, n_layer=1, n_head=2)
TINY_LLAMA = LlamaConfig(
    VOCABULARY,
    hidden_size=32,
    intermediate_size=16,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=160,
)


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A directory with a tiny model, `own.txt`, and a prose that is as short."""
    paragraphs = {f"p{i}": f"Paragraph {i} says this and that. " * 60 for i in range(3)}
    monkeypatch.setattr(text, "prose", lambda t=ByteTokenizer: text.split("prose", paragraphs, t))
    (tmp_path / "own.txt").write_text("\n\n".join(paragraphs.values()), encoding="utf-8")
    save_gpt2(GPT(TINY, np.random.default_rng(0)), tmp_path / "base")
    return tmp_path


def run_json(capsys, *arguments):
    assert not main([str(a) for a in arguments] + ["--json"])
    return json.loads(capsys.readouterr().out)


def finetune(directory, *more):
    return [
        "finetune",
        "--base",
        directory / "base",
        "--data",
        directory / "own.txt",
        "--batch-size",
        2,
        "--steps",
        3,
        *more,
    ]


SMALL = {  # what fits layers of 8 inputs
    "road": ["--set", "group=8"], "fourierft": ["--set", "numbers=9"], "c3a": ["--set", "block=4"],
    "tokens": ["--token-ids", ord("t"), ord("h")],
} | dict.fromkeys(("lora", "qlora", "dora", "shira"), ["--rank", 2])  # fmt: skip


# On a Llama those whose settings, names or files are others there, or are of a kind of their own.
OTHERWISE = ("full", "head", "lora", "qlora", "dora", "ia3", "bitfit", "prefix", "prompt", "oft")
BOTH = [("GPT", method.name) for method in METHODS] + [("Llama", name) for name in OTHERWISE]


@pytest.mark.parametrize(("kind", "method"), BOTH)
def test_finetune_with_every_method_then_generate(tiny, capsys, method, kind):
    out, settings = tiny / "out", list(SMALL.get(method, []))
    if kind == "Llama":
        save_llama(Llama(TINY_LLAMA, np.random.default_rng(0)), tiny / "base")
        if method == "bitfit":
            assert main([str(a) for a in finetune(tiny, "--method", method)]) == 2
            assert "this Llama has no bias to train" in capsys.readouterr().err
            return
        scaled = ["--targets", "k_proj", "v_proj", "--feedforward", "down_proj"]
        settings += scaled if method == "ia3" else []
    numbers = run_json(capsys, *finetune(tiny, "--method", method, *settings, "--out", out))
    assert numbers["steps"] == 3 and set(numbers["after"]) == {str(tiny / "own.txt"), "prose"}
    saved = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert saved["after"] == numbers["after"] and len(saved["history"]["losses"]) == 3
    use = ["--base", out] if method == "full" else ["--base", tiny / "base", "--adapter", out]
    for bits in [], ["--nf4"]:
        reply = run_json(capsys, "generate", *use, *bits, "--prompt", "This ", "--tokens", 5)
        assert reply["prompt"] == "This " and reply["tokens"] <= 5
    if method == "qlora":
        four_bits = kind == "Llama"
        assert f"double_quant=True, int8_embeddings={four_bits}" in numbers["method"]


@pytest.mark.parametrize("form", ["paragraphs", "lines"])
def test_a_text_is_read_in_the_form_that_is_named(tiny, capsys, form):
    assert run_json(capsys, *finetune(tiny, "--form", form))["steps"] == 3
    assert not main([str(a) for a in finetune(tiny, "--form", form)])
    assert form in capsys.readouterr().err


def test_what_a_step_holds_follows_from_the_options(tiny, capsys):
    """Beside another base a step is of 4 texts; the moments of large weights fit into 8 bits."""
    short = ["finetune", "--base", tiny / "base", "--data", tiny / "own.txt", "--steps", 1]
    plain = run_json(capsys, *short, "--out", tiny / "plain")
    full = ["finetune", "--data", tiny / "own.txt", "--method", "full", "--steps", 1]
    full += ["--batch-size", 1, "--length", 16, "--windows", 1]
    small, large = run_json(capsys, *full, "--adam-8bit"), run_json(capsys, *full)
    assert plain["batch"] == [4, 128]
    kept = json.loads((tiny / "plain" / "run.json").read_text(encoding="utf-8"))
    assert (kept["batch_size"], kept["windows"]) == (4, 16)
    assert small["bytes"]["moments"] < 0.5 * large["bytes"]["moments"]


@pytest.mark.parametrize(("method", "use"), [("lora", "--adapter"), ("full", "--base")])
def test_finetune_prints_what_is_held_and_how_to_use_it(tiny, capsys, method, use):
    out = tiny / "out"
    assert not main([str(a) for a in finetune(tiny, "--method", method, "--out", out)])
    lines = capsys.readouterr().out.splitlines()
    held = [float(line.split(" MB")[0].split()[-1]) for line in lines if " MB" in line]
    assert held[-1] == pytest.approx(sum(held[:-1]), abs=0.005 * len(held))
    (typed,) = (line for line in lines if "try: " in line)
    assert typed.endswith(f" {use} {out}") and ("--adapter" in typed) == (method == "lora")


def test_an_adapter_saved_is_the_model_that_was_trained(tiny):
    """generate --adapter acts as what finetune measured: the loss that it wrote comes again."""
    out = tiny / "out"
    assert not main([str(a) for a in finetune(tiny, "--lr", 0.05, "--windows", 128, "--out", out)])
    after = json.loads((out / "results.json").read_text(encoding="utf-8"))["after"]
    model = load_adapter(load_gpt2(tiny / "base"), out)
    batches = text.file(tiny / "own.txt").held_out_batches(128)
    assert held_out_loss(model, batches, cross_entropy) == after[str(tiny / "own.txt")]


class Words:
    """A tokenizer unlike bytes: each letter is its place in the alphabet, other things are 26."""

    end, vocab_size, special_tokens = None, 27, SpecialTokens()

    def encode(self, string, add_special_tokens=True):
        return np.array([min(abs(ord(c) - 97), 26) for c in string.lower()], np.int64)

    def decode(self, tokens):
        return "".join("abcdefghijklmnopqrstuvwxyz "[t] for t in tokens)


def test_a_model_with_its_own_tokenizer(tiny, capsys, monkeypatch):
    """Fine-tuned and read through the tokenizer beside its weights, not through bytes."""
    monkeypatch.setattr(model_of, "load_tokenizer", lambda directory: Words())
    config = dataclasses.replace(TINY, vocab_size=27)
    save_gpt2(GPT(config, np.random.default_rng(0)), tiny / "base")
    numbers = run_json(capsys, *finetune(tiny))
    assert numbers["base"][str(tiny / "own.txt")] < 3.5  # near log 27, where bytes would not fit
    reply = run_json(capsys, "generate", "--base", tiny / "base", "--prompt", "ab", "--tokens", 7)
    assert reply["tokens"] == 7 and set(reply["text"]) <= set("abcdefghijklmnopqrstuvwxyz ")


def test_the_same_seed_gives_the_same_numbers_and_another_does_not(tiny, capsys):
    def losses(seed):
        return run_json(capsys, *finetune(tiny, "--seed", seed))["after"]

    assert losses(1) == losses(1) != losses(2)


def test_finetune_resumes(tiny, capsys):
    """Three steps, then on to five, are five: the files and the numbers are the same."""
    numbers = run_json(capsys, *finetune(tiny, "--out", tiny / "whole"))
    stopped, steps = tiny / "stopped", iter(range(100))

    def stops_after_two(logits, batch):
        if next(steps) == 3:  # one for the bytes held, two steps
            raise KeyboardInterrupt
        return real(logits, batch)

    from lora_np.recipes import finetune as module

    real = module.cross_entropy
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "cross_entropy", stops_after_two)
        assert main([str(a) for a in finetune(tiny, "--out", stopped)]) == 130
    capsys.readouterr()
    resumed = run_json(capsys, *finetune(tiny, "--out", stopped, "--resume"))
    assert resumed["after"] == numbers["after"]
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        assert (stopped / name).read_bytes() == (tiny / "whole" / name).read_bytes()


def test_pretrain_writes_a_model_that_loads(tiny, capsys, monkeypatch):
    from lora_np.recipes import pretrain

    monkeypatch.setattr(pretrain, "CONFIG", TINY)
    monkeypatch.setattr(pretrain.pretrain, "__defaults__", (TINY,))
    about = run_json(capsys, "pretrain", "--steps", 4, "--seed", 5, "--out", tiny / "new")
    assert about == json.loads((tiny / "new" / "training.json").read_text(encoding="utf-8"))
    assert about["command"] == "python -m lora_np pretrain --seed 5 --steps 4 --lr 0.003"
    model = load_gpt2(tiny / "new")
    assert about["parameters"] == sum(p.size for p in model.parameters())
    assert [e["step"] for e in about["evaluations"]] == [0, 1, 2, 3, 4]
    assert not main(["pretrain", "--steps", "1", "--out", str(tiny / "newer")])
    printed = capsys.readouterr().out
    assert "held-out loss" in printed and f"wrote {tiny / 'newer'}" in printed


def test_generate_writes_what_it_says(tiny, capsys):
    out = tiny / "said.txt"
    assert not main(["generate", "--base", str(tiny / "base"), "--tokens", "9", "--out", str(out)])
    shown = capsys.readouterr().out
    assert shown == out.read_text(encoding="utf-8") + "\n" and shown.startswith("The ")
