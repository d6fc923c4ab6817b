"""merge, export, the model card, and a resumed run that was begun otherwise."""

import json

import numpy as np
import pytest

from helpers.models import moved
from lora_np import LoRA, PromptTuning, load_adapter, load_gpt2, save_adapter
from lora_np.__main__ import main
from lora_np.checkpoint import load_base, load_model
from lora_np.cli import card
from lora_np.cli.card import HALF, MARK

SHORT = ["--steps", "1", "--windows", "1", "--batch-size", "1", "--length", "32"]
TOKENS = np.arange(12).reshape(2, 6)


@pytest.fixture
def adapter(tmp_path):
    model = LoRA(2, 3.0).apply(load_base(), np.random.default_rng(0))
    save_adapter(moved(model, spread=0.01), tmp_path / "adapter")
    return tmp_path / "adapter"


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    out = tmp_path_factory.mktemp("begun")
    assert not main(["finetune", *SHORT, "--out", str(out)])
    return out


def test_a_merged_model_computes_what_base_and_adapter_do(adapter, tmp_path, capsys):
    out = tmp_path / "merged model"
    assert not main(["merge", "--adapter", str(adapter), "--out", str(out)])
    printed = capsys.readouterr().out
    assert "0 of them learn" in printed and f"generate --base '{out}'" in printed
    whole, wanted = load_gpt2(out)(TOKENS), load_adapter(load_base(), adapter)(TOKENS)
    np.testing.assert_allclose(whole, wanted, atol=2e-5)
    assert np.abs(whole - load_base()(TOKENS)).max() > 1e-3
    assert not main(["generate", "--base", str(out), "--tokens", "3", "--temperature", "0"])


def test_a_merged_model_is_told_in_numbers_too(adapter, tmp_path, capsys):
    out = tmp_path / "merged"
    assert not main(["merge", "--adapter", str(adapter), "--out", str(out), "--json"])
    told = json.loads(capsys.readouterr().out)
    assert told["out"] == str(out) and told["dtype"] == "float32" and "GPT" in told["model"]
    assert told["bytes"] == sum(path.stat().st_size for path in out.iterdir())


@pytest.mark.parametrize("dtype, bits", [("float32", 0), ("float16", 11), ("bfloat16", 8)])
def test_an_exported_base_is_the_base_to_its_dtype(tmp_path, capsys, dtype, bits):
    assert not main(["export", "--out", str(tmp_path / "base"), "--dtype", dtype, "--json"])
    assert json.loads(capsys.readouterr().out)["dtype"] == dtype
    there = dict(load_model(tmp_path / "base")[0].named_parameters())
    for name, parameter in load_base().named_parameters():
        gap, size = np.abs(there[name].data - parameter.data), np.abs(parameter.data)
        assert (gap <= bool(bits) * (2.0**-bits * size + 6e-8)).all()


def test_a_large_model_in_several_files(tmp_path, capsys):
    assert not main(["export", "--out", str(tmp_path / "base"), "--max-shard-size", "1MB"])
    sizes = [path.stat().st_size for path in (tmp_path / "base").glob("model-*.safetensors")]
    assert len(sizes) > 3 and max(sizes) < 1e6 + 5000  # and a header
    assert np.array_equal(load_model(tmp_path / "base")[0](TOKENS), load_base()(TOKENS))
    assert main(["export", "--out", str(tmp_path / "b"), "--max-shard-size", "1 potato"]) == 2
    assert "max_shard_size None, bytes from 1, or as '2GB'" in capsys.readouterr().err
    assert not (tmp_path / "b").exists()


def test_the_card_of_a_text_whose_name_is_no_utf8_is_written(tmp_path, monkeypatch):
    """As a name from an old disk is, or any beyond ASCII where the locale is C."""
    monkeypatch.setattr(card, "card", lambda *_: f"{MARK} t\udce9xt.txt")
    card.write_card(tmp_path, {}, None)
    assert (tmp_path / "README.md").read_bytes().endswith(b" t\xe9xt.txt")


def test_an_adapter_is_no_base_and_a_base_no_adapter(adapter, tmp_path, capsys):
    assert not main(["export", "--out", str(tmp_path / "base")])
    assert main(["generate", "--base", str(adapter)]) == 2
    assert f"give it as --adapter {adapter}" in capsys.readouterr().err
    assert main(["generate", "--adapter", str(tmp_path / "base")]) == 2
    assert f"give it as --base {tmp_path / 'base'}" in capsys.readouterr().err


def test_nothing_is_written_over(adapter, tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    for typed in (["merge", "--adapter", str(adapter)], ["export"]):
        assert main([*typed, "--out", str(tmp_path / "mine")]) == 2
        assert "holds files already" in capsys.readouterr().err
        assert main(typed) == 2
        assert f"{typed[0]} needs --out DIR" in capsys.readouterr().err
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_what_is_no_weight_is_not_merged(tmp_path, capsys):
    model = PromptTuning(2).apply(load_base(), np.random.default_rng(0))
    save_adapter(model, tmp_path / "prompt")
    typed = ["merge", "--adapter", str(tmp_path / "prompt"), "--out", str(tmp_path / "out")]
    assert main(typed) == 2
    assert "acts as no dense layer" in capsys.readouterr().err


def test_an_adapter_has_a_card_that_a_person_may_keep(tmp_path, capsys):
    out = tmp_path / "run"
    assert not main(["finetune", *SHORT, "--out", str(out)])
    numbers = json.loads((out / "results.json").read_text("utf-8"))
    assert HALF in capsys.readouterr().out
    card = (out / "README.md").read_text("utf-8")
    front, text = card.removeprefix("---\n").split("\n---\n")
    assert front.split("\n") == [MARK, "library_name: peft", "tags: [lora_np, lora]"]
    for told in (numbers["method"], "1 of 1 × 32 tokens", "0.01", f"{numbers['trained']:,}", HALF):
        assert told in text
    for name, loss in numbers["base"].items():
        assert f"| {name} | {loss:.3f} | {numbers['after'][name]:.3f} |" in text
    assert f"finetune {' '.join(SHORT)} --out {out}`" in text
    again = ["finetune", *SHORT, "--steps", "2", "--out", str(out), "--resume"]
    assert not main(again)
    assert "2 of 1 × 32" in (out / "README.md").read_text("utf-8")
    (out / "README.md").write_text("# My own words")
    capsys.readouterr()
    assert not main([*again, "--steps", "3"])
    assert "begun for 1 steps, now 3; its learning rate goes on" in capsys.readouterr().err
    assert (out / "README.md").read_text("utf-8") == "# My own words"


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (["--seed", "1"], "seed 0, now 1"),
        (["--lr", "0.5"], "lr None, now 0.5"),
        (["--batch-size", "2"], "batch_size 1, now 2"),
        (["--length", "16"], "length 32, now 16"),
        (["--data", "prose"], "data code, now prose; sha256 of the texts "),
    ],
)
def test_a_run_goes_on_as_it_was_begun(begun, capsys, other, said):
    before = (begun / "state.safetensors").read_bytes()
    typed = ["finetune", *SHORT, "--out", str(begun)]
    assert main([*typed, *other, "--steps", "2", "--resume"]) == 2
    assert f"was begun with {said}" in capsys.readouterr().err
    assert (begun / "state.safetensors").read_bytes() == before


def test_the_same_name_with_another_text_is_another_run(tmp_path, capsys):
    text = tmp_path / "own.txt"
    text.write_text("\n\n".join(f"Paragraph {i} says so." for i in range(99)))
    typed = ["finetune", *SHORT, "--data", str(text), "--out", str(tmp_path / "run")]
    assert not main(typed)
    text.write_text(text.read_text() + "\n\nAnd one more, that is new.")
    assert main([*typed, "--steps", "2", "--resume"]) == 2
    assert "begun with sha256 of the texts" in capsys.readouterr().err
