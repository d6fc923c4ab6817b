"""The subcommands, in this process, on a tiny model and tiny texts."""

import dataclasses
import json

import numpy as np
import pytest

from lora_np import cross_entropy
from lora_np.__main__ import main
from lora_np.checkpoint import load_adapter, load_base, load_gpt2, save_adapter, save_gpt2
from lora_np.commands import common
from lora_np.methods import LoRA
from lora_np.nn import GPT, GPTConfig
from lora_np.tasks import text
from lora_np.train import held_out_loss

TINY = GPTConfig(text.VOCABULARY, n_positions=160, n_embd=8, n_layer=1, n_head=2)


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A directory with a tiny model, `own.txt`, and a prose that is as short."""
    paragraphs = {f"p{i}": f"Paragraph {i} says this and that. " * 60 for i in range(3)}
    monkeypatch.setattr(text, "prose", lambda t=text.Bytes: text.split("prose", paragraphs, t))
    (tmp_path / "own.txt").write_text("\n\n".join(paragraphs.values()), encoding="utf-8")
    save_gpt2(GPT(TINY, np.random.default_rng(0)), tmp_path / "base")
    return tmp_path


def run_json(capsys, *arguments):
    assert not main([str(a) for a in arguments] + ["--json"])
    return json.loads(capsys.readouterr().out)


def finetune(directory, *more):
    return ["finetune", "--base", directory / "base", "--data", directory / "own.txt",
            "--batch-size", 2, "--steps", 3, *more]  # fmt: skip


@pytest.mark.parametrize("method", ["full", "head", "lora", "qlora"])
def test_finetune_with_every_method_then_generate(tiny, capsys, method):
    out = tiny / "out"
    numbers = run_json(capsys, *finetune(tiny, "--method", method, "--rank", 2, "--out", out))
    assert numbers["steps"] == 3 and set(numbers["after"]) == {str(tiny / "own.txt"), "prose"}
    saved = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert saved["after"] == numbers["after"] and len(saved["history"]["losses"]) == 3
    use = ["--base", out] if method == "full" else ["--base", tiny / "base", "--adapter", out]
    reply = run_json(capsys, "generate", *use, "--prompt", "This ", "--tokens", 5)
    assert reply["prompt"] == "This " and reply["tokens"] <= 5


def test_an_adapter_saved_is_the_model_that_was_trained(tiny):
    """generate --adapter acts as what finetune measured: the loss that it wrote comes again."""
    out = tiny / "out"
    assert not main([str(a) for a in finetune(tiny, "--lr", 0.05, "--out", out)])
    after = json.loads((out / "results.json").read_text(encoding="utf-8"))["after"]
    model = load_adapter(load_gpt2(tiny / "base"), out)
    batches = text.file(tiny / "own.txt").held_out_batches(128)
    assert held_out_loss(model, batches, cross_entropy) == after[str(tiny / "own.txt")]


class Words:
    """A tokenizer unlike bytes: each letter is its place in the alphabet, other things are 26."""

    end, vocab_size = None, 27

    def encode(self, string):
        return np.array([min(abs(ord(c) - 97), 26) for c in string.lower()], np.int64)

    def decode(self, tokens):
        return "".join("abcdefghijklmnopqrstuvwxyz "[t] for t in tokens)


def test_a_model_with_its_own_tokenizer(tiny, capsys, monkeypatch):
    """Fine-tuned and read through the tokenizer beside its weights, not through bytes."""
    monkeypatch.setattr(common, "load_tokenizer", lambda directory: Words())
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

    from lora_np import finetune as module

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
    from lora_np import pretrain

    monkeypatch.setattr(pretrain, "CONFIG", TINY)
    monkeypatch.setattr(pretrain.pretrain, "__defaults__", (TINY,))
    about = run_json(capsys, "pretrain", "--steps", 4, "--seed", 5, "--out", tiny / "new")
    assert about == json.loads((tiny / "new" / "training.json").read_text(encoding="utf-8"))
    assert about["command"] == "python -m lora_np pretrain --seed 5 --steps 4 --lr 0.003"
    model = load_gpt2(tiny / "new")
    assert about["parameters"] == sum(p.size for p in model.parameters())
    assert [e["step"] for e in about["evaluations"]] == [0, 1, 2, 3, 4]


def test_generate_writes_what_it_says(tiny, capsys):
    out = tiny / "said.txt"
    assert not main(["generate", "--base", str(tiny / "base"), "--tokens", "9", "--out", str(out)])
    shown = capsys.readouterr().out
    assert shown == out.read_text(encoding="utf-8") + "\n" and shown.startswith("The ")


def test_memory_of_a_layer_is_measured_and_predicted_alike(capsys, tmp_path):
    out = tmp_path / "layer.json"
    numbers = run_json(capsys, "memory", "--shape", 64, 24, "--rank", 3, "--out", out)
    assert [row["total"] for row in numbers["rows"]] == [r["predicted"] for r in numbers["rows"]]
    assert numbers["rows"][1]["trained"] == 3 * (64 + 24)
    assert json.loads(out.read_text(encoding="utf-8")) == numbers


def test_memory_measured_in_a_step_is_near_what_is_predicted(capsys, monkeypatch):
    monkeypatch.setattr("lora_np.commands.memory.SHAPES", [(1, 64, 64, 4)])
    rows = run_json(capsys, "memory", "--measure", "--rank", 3)["rows"]
    assert [row["method"] for row in rows] == ["full", "LoRA", "QLoRA"]
    assert all(0.85 < row["measured"] / row["predicted"] < 1.15 for row in rows)
    assert not main(["memory", "--measure"])
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 79


@pytest.mark.parametrize("model", ["gpt2", "gpt3-175b", "llama-65b"])
def test_memory_of_a_model_shows_published_figures_beside_one_assumption(capsys, model):
    assert not main(["memory", "--model", model])
    shown = capsys.readouterr().out
    assert shown.isascii() and max(map(len, shown.splitlines())) <= 79
    assert "16.000 bytes a weight" in shown and "A number that learns costs\n16 bytes" in shown
    implied = {"gpt2": [], "gpt3-175b": ["6.86", "2.00", "1.85"], "llama-65b": ["12.00", "0.74"]}
    assert all(figure in shown for figure in implied[model])
    assert ("differ from each other" in shown) == bool(implied[model])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["finetune", "--data", "gone.txt"], "gone.txt: No such file"),
        (["finetune", "--resume"], "--resume needs --out DIR"),
        (["finetune", "--base", "nowhere"], "nowhere"),
        (["finetune", "--targets", "c_atn"], "target 'c_atn' matches no linear layer"),
        (["finetune", "--rank", "500"], "expected a rank from 1 to min(in, out) = 128"),
        (["finetune", "--lr", "-1"], "finite learning rate from 0, got -1"),
        (["generate", "--tokens", "500"], "more than n_positions 192"),
        (["generate", "--temperature", "-1"], "temperature from 0, got -1"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(capsys, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("python -m lora_np: error: ") and message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["memory"], "one of the arguments --shape --measure --model is required"),
        (["memory", "--model", "gpt4"], "invalid choice: 'gpt4'"),
        (["memory", "--shape", "3", "0"], "invalid whole number from 1 value: '0'"),
        (["finetune", "--method", "lorra"], "invalid choice: 'lorra'"),
    ],
)
def test_what_the_parser_refuses_exits_2(capsys, arguments, message):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2 and message in capsys.readouterr().err


def test_the_base_comes_with_the_package():
    """It loads with no network, and has read: far better than an even guess (5.55 nats)."""
    model = load_base()
    assert sum(p.size for p in model.parameters()) == 850_816
    assert model.wte.weight.dtype == np.float32
    batches = text.prose().held_out_batches(windows=8, batch_size=8)
    assert held_out_loss(model, batches, cross_entropy) < 2.5


def test_the_base_reads_from_later_positions_as_well():
    """Its windows stood anywhere, so 32 learned tokens before the text cost little."""
    model, tokens = load_base(), text.prose().held_out[None, :100].astype(np.int64)
    guesses = [model(tokens, position=at).argmax(-1)[0, :-1] for at in (0, 32, 64)]
    right = [(guess == tokens[0, 1:]).mean() for guess in guesses]
    assert min(right) > 0.3




def test_inspect_tells_what_an_adapter_moves(tmp_path, capsys):
    model = LoRA(4, 6.0, ("mlp.c_fc",)).apply(load_base(), np.random.default_rng(0))
    save_adapter(model, tmp_path / "still")
    assert not main(["inspect", str(tmp_path / "still")])
    printed = capsys.readouterr().out
    assert "h.3.mlp.c_fc" in printed and "128 x 512" in printed and "1.5" in printed
    assert "c_attn" not in printed.split("layer", 1)[1]
    model.h[0].mlp.c_fc.B.data += 1
    save_adapter(model, tmp_path / "moved")
    assert not main(["inspect", str(tmp_path / "moved"), "--json"])
    changes = [layer["change"] for layer in json.loads(capsys.readouterr().out)["layers"]]
    assert changes[0] > 0.1 and changes[1:] == [0, 0, 0]


def test_inspect_refuses_what_is_no_adapter(tmp_path, capsys):
    assert main(["inspect", str(tmp_path / "gone")]) == 2
    assert "gone" in capsys.readouterr().err
