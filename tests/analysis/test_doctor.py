"""The doctor: what was made wrong on purpose is found, and nothing is cried over the sound."""

import json

import numpy as np
import pytest

from golden.readers.golden_hf import ADAPTERS, GOLDEN
from helpers.models import CONFIG, moved, small_gpt
from helpers.peft_files import PREFIX, SETTINGS, lengths_of, tensors_of, write_adapter
from lora_np.__main__ import main
from lora_np.analysis.adapter_files import read_adapter_files
from lora_np.analysis.adapter_report import inspect_adapter
from lora_np.analysis.advice import ADVICE, NOTE
from lora_np.analysis.doctor import examine
from lora_np.analysis.doctor_plot import picture
from lora_np.analysis.layer_numbers import FORMS, merge_errors
from lora_np.checkpoint import load_adapter, load_base, save_adapter
from lora_np.course.notebook import CODE_ADAPTER
from lora_np.methods import IA3, DoRA, LoRA, PrefixTuning
from lora_np.methods.lora_init import both_zero

BASE = small_gpt(CONFIG, np.float32).freeze()
FIRST = f"{PREFIX}h.0.attn.c_attn"
SQUARE = f"{PREFIX}h.0.attn.c_proj"


def serious(files, base=BASE):
    """The codes of what is wrong or doubtful."""
    return {each["code"] for each in examine(files, base)["findings"] if each["level"] != NOTE}


def ours(method, spread=0.02):
    def write(directory):
        save_adapter(moved(method.apply(BASE, np.random.default_rng(0)), spread=spread), directory)

    return write


def theirs(change=lambda tensors: None, **settings):
    """PEFT's files, with `change` made to the tensors."""

    def write(directory):
        tensors = tensors_of(BASE)
        tensors |= change(tensors) or {}
        write_adapter(directory, {n: a for n, a in tensors.items() if a is not None}, **settings)

    return write


def halved(tensors):
    return {name: array.astype(np.float16) for name, array in tensors.items()}


SOUND = {
    "our LoRA": ours(LoRA(2, 4.0, "all-linear")),
    "our DoRA": ours(DoRA(2, 3.0, ("attn.c_proj", "c_fc"))),
    "our IA3": ours(IA3()),
    "our rsLoRA": ours(LoRA(4, 4.0, rslora=True)),
    "our prefix": ours(PrefixTuning(2)),
    "PEFT's LoRA": theirs(),
    "PEFT's in float16, by a pattern": theirs(halved, target_modules=r".*\.(c_attn|c_fc|c_proj)"),
    "PEFT's DoRA": theirs(lambda tensors: lengths_of(BASE), use_dora=True),
    "PEFT's with a norm": theirs(
        lambda tensors: {f"{PREFIX}ln_f.{part}": np.ones(6, "f4") for part in ("weight", "bias")},
        modules_to_save=["ln_f"],
    ),
}  # fmt: skip


def zero(*ends, layer=""):
    return lambda tensors: {
        name: 0 * a for name, a in tensors.items() if name.endswith(ends) and layer in name
    }


A, B, LENGTHS = ".lora_A.weight", ".lora_B.weight", ".lora_magnitude_vector"


def one(name, change):
    return lambda tensors: {name: change(tensors[name])}


def rows(first, factor):
    """The second direction: `factor` times the first."""
    return lambda A: np.stack([A[0], np.float32(factor) * A[0] if first else 0 * A[1]])


def renamed(old, new):
    return lambda tensors: (
        {n.replace(old, new): a for n, a in tensors.items()}
        | {n: None for n in tensors if old in n}
    )


def spoiled(array):
    array = array.copy()
    array[0, 0] = np.nan
    return array


def no_layer(name):
    return lambda tensors: {f"{name}{A}": None, f"{name}{B}": None}


def one_more(tensors):
    return {f"{PREFIX}h.9.attn.c_attn{end}": tensors[f"{FIRST}{end}"] for end in (A, B)}


TARGETS = SETTINGS["target_modules"]
BY_FILE = {  # what the files alone show: the codes, and the folder
    "never trained": ("untrained", theirs(zero(B))),
    "ours, never trained": ("untrained", ours(LoRA(2, 3.0), spread=0)),
    "IA3, never trained": ("untrained", ours(IA3(), spread=0)),
    "one layer never trained": ("partly-untrained", theirs(zero(B, layer="h.0.attn.c_attn"))),
    "both zero": ("both-zero", theirs(zero(A, B, layer="h.1.mlp"))),
    "ours, both zero": ("both-zero", ours(LoRA(2, 3.0, init=both_zero), spread=0)),
    "a NaN": ("not-finite", theirs(one(f"{FIRST}{B}", spoiled))),
    "half a pair": ("half-a-pair", theirs(lambda tensors: {f"{SQUARE}{B}": None})),
    "transposed": ("transposed", theirs(lambda tensors: {n: a.T for n, a in tensors.items()})),
    "another rank": ("rank", theirs(r=1)),
    "two ranks": ("two-ranks", theirs(one(f"{FIRST}{B}", lambda B: B[:, :1]))),
    "r 0": ("no-scale rank", theirs(r=0)),
    "a dead direction": ("directions", theirs(one(f"{FIRST}{A}", rows(False, 0)))),
    "a doubled direction": ("directions", theirs(one(f"{FIRST}{A}", rows(True, -3)))),
    "no lengths": ("no-lengths", theirs(use_dora=True)),
    "lengths unasked": ("no-dora", theirs(lambda tensors: lengths_of(BASE))),
    "lengths of inputs": ("lengths", theirs(lambda t: lengths_of(BASE, axis=1), use_dora=True)),
    "a module not saved": ("not-saved", theirs(modules_to_save=["ln_f"])),
    "a start that changes the base": ("start", theirs(init_lora_weights="pissa_niter_4")),
    "a target of no layer": ("target", theirs(target_modules=[*TARGETS, "q_proj"])),
    "layers untargeted": ("untargeted", theirs(target_modules=["attn.c_proj", "c_fc"])),
}  # fmt: skip
BY_BASE = {  # what only the base shows
    "lengths of inputs, square": (
        "lengths", theirs(lambda tensors: lengths_of(BASE) | one_length(), use_dora=True),
    ),
    "no such layer": ("unknown-layer", theirs(one_more)),
    "a layer's factors lost": ("missing-layer", theirs(no_layer(FIRST))),
    "another width": ("shape", theirs(one(f"{FIRST}{A}", lambda A: np.hstack([A, A])))),
    "a Llama's": (
        "another-base", theirs(renamed("attn.c_attn", "self_attn.q_proj"), target_modules="x"),
    ),
    "an unknown setting": ("refused", theirs(use_magic=True)),
}  # fmt: skip


def one_length():
    """DoRA's lengths along the wrong axis where W is square and no shape tells."""
    return {f"{SQUARE}{LENGTHS}": lengths_of(BASE, axis=1)[f"{SQUARE}{LENGTHS}"]}


@pytest.mark.parametrize("write", SOUND.values(), ids=SOUND)
def test_nothing_is_cried_over_the_sound(write, tmp_path):
    write(tmp_path / "it")
    files = read_adapter_files(tmp_path / "it")
    assert serious(files) == set() == serious(files, None)
    assert examine(files, BASE)["sound"]


@pytest.mark.parametrize("name", ADAPTERS)
def test_nothing_is_cried_over_what_peft_wrote(name):
    assert serious(read_adapter_files(GOLDEN / "peft" / name), None) == set()


@pytest.mark.parametrize("case", BY_FILE, ids=BY_FILE)
def test_what_the_files_show_is_found_with_the_base_and_without(case, tmp_path):
    codes, write = BY_FILE[case]
    write(tmp_path / "it")
    files = read_adapter_files(tmp_path / "it")
    assert serious(files) == set(codes.split()) == serious(files, None)


@pytest.mark.parametrize("case", BY_BASE, ids=BY_BASE)
def test_what_only_the_base_shows_is_found_with_it(case, tmp_path):
    code, write = BY_BASE[case]
    write(tmp_path / "it")
    assert serious(read_adapter_files(tmp_path / "it")) == {code}


def test_a_scale_of_alpha_is_judged_by_its_size_without_a_base_and_by_its_effect_with_one(tmp_path):
    for name, settings in {
        "α": {"lora_alpha": 64},
        "√r": {"lora_alpha": 90, "use_rslora": True},
    }.items():
        theirs(**settings)(tmp_path / name)
        files = read_adapter_files(tmp_path / name)
        assert serious(files) == {"scale"} == serious(files, None)
    theirs(lambda tensors: {n: a * 0.03 for n, a in tensors.items()}, lora_alpha=64)(
        tmp_path / "small"
    )
    files = read_adapter_files(tmp_path / "small")
    assert serious(files) == set() and serious(files, None) == {"scale"}


def test_every_code_of_the_advice_is_shown_by_a_case():
    shown = {code for codes, _ in (BY_FILE | BY_BASE).values() for code in codes.split()}
    serious = {code for code, (level, *_) in ADVICE.items() if level != NOTE}
    assert shown | {"scale"} == serious


def test_what_storing_merged_weights_costs():
    """Coarser costs more; bfloat16's rounding hides a small change."""
    rng = np.random.default_rng(0)
    W, delta = rng.normal(size=(64, 128)), rng.normal(size=(64, 128))
    for size in (1e-1, 1e-4):
        costs = merge_errors(W + size * delta, size * delta)
        assert [*costs] == list(FORMS)
        assert costs["float32"] < costs["float16"] < costs["bfloat16"] < costs["NF4"]
        assert (costs["bfloat16"] > 0.5) == (size < 1e-3)


def test_the_numbers_of_a_trained_adapter(tmp_path):
    """The package's own: each layer's change is what `inspect` says, all its directions work."""
    base = load_base().freeze()
    numbers = examine(read_adapter_files(CODE_ADAPTER), base)
    assert numbers["sound"] and numbers["law"] == "s = α/r, r 8, α 16.0: s is 2"
    reported = inspect_adapter(load_adapter(base, CODE_ADAPTER))["layers"]
    for layer in reported:
        own = numbers["layers"][layer["name"]]
        assert own["change"] == pytest.approx(layer["change"], rel=1e-4)
        assert own["works"] == own["rank"] == 8 >= own["most"]
        assert (own["halved"] == own["change"]) == (not own["intruders"])
    drawn = picture(numbers)
    assert "h.0" in drawn.alt and len(drawn.figure.axes) == 4


def test_the_command_says_what_why_and_what_to_do_and_exits_so(tmp_path, capsys):
    assert main(["doctor", str(CODE_ADAPTER), "--plot", str(tmp_path / "a.png")]) == 0
    printed = capsys.readouterr().out
    assert "sound: nothing to mend" in printed and "float16" in printed
    assert (tmp_path / "a.png").stat().st_size > 5000
    assert main(["doctor", str(CODE_ADAPTER), "--data", "code", "--json"]) == 0
    losses = json.loads(capsys.readouterr().out)["halved"]
    assert losses["with the adapter"]["code"] < losses["base alone"]["code"]
    assert losses["its intruders halved"] != losses["with the adapter"]
    theirs(zero(B))(tmp_path / "it")
    assert main(["doctor", str(tmp_path / "it"), "--data", "code"]) == 2
    capsys.readouterr()
    assert main(["doctor", str(tmp_path / "it")]) == 1
    printed = capsys.readouterr().out
    assert "WRONG (untrained)" in printed and "why:" in printed and "do:" in printed
    assert main(["doctor", str(tmp_path / "it"), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["findings"][0]["code"] == "untrained"
    assert main(["doctor", str(tmp_path / "gone")]) == 2
