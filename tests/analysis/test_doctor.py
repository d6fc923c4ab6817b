"""The doctor: what was made wrong on purpose is found, and nothing is cried over the sound."""

import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golden.readers.golden_hf import ADAPTERS, GOLDEN
from helpers.doctored import BASE, BY_BASE, BY_FILE, NOTED, SOUND, B, theirs, zero
from helpers.peft_files import SETTINGS
from helpers.small_texts import tiny_gpt
from lora_np.__main__ import main
from lora_np.analysis.adapter_files import read_adapter_files
from lora_np.analysis.adapter_report import inspect_adapter
from lora_np.analysis.advice import ADVICE, NOTE
from lora_np.analysis.doctor import examine
from lora_np.analysis.doctor_plot import picture
from lora_np.analysis.layer_numbers import FORMS, merge_errors
from lora_np.checkpoint import load_adapter, load_base, save_adapter
from lora_np.checkpoint.safetensors_io import LISTED
from lora_np.course.notebook import CODE_ADAPTER
from lora_np.methods import OFT, BitFit, LoRA, PrefixTuning, SHiRA, TinyLoRA


def serious(files, base=BASE):
    """The codes of what is wrong or doubtful."""
    return {each["code"] for each in examine(files, base)["findings"] if each["level"] != NOTE}


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


@pytest.mark.parametrize("case", NOTED, ids=NOTED)
def test_what_is_no_fault_is_noted(case, tmp_path):
    code, write = NOTED[case]
    write(tmp_path / "it")
    examined = examine(read_adapter_files(tmp_path / "it"), BASE)
    assert {found["code"] for found in examined["findings"]} == {code} and examined["sound"]


@pytest.mark.parametrize("case", BY_FILE | BY_BASE | NOTED)
def test_a_finding_names_in_words_what_it_is_about(case, tmp_path):
    (BY_FILE | BY_BASE | NOTED)[case][1](tmp_path / "it")
    files = read_adapter_files(tmp_path / "it")
    for found in (each for base in (BASE, None) for each in examine(files, base)["findings"]):
        code, what, names = found["code"], found["what"], found["layers"]
        assert names or code in ("start", "refused")
        if code not in ("untrained", "another-base", "no-scale"):  # which are of all layers
            assert all(name in what for name in names[:LISTED])


def test_what_never_trained_is_said_as_it_is_stored(tmp_path):
    said = {"never trained": "B is all zero", "IA3, never trained": "every factor is 1"}
    for case, words in said.items():
        BY_FILE[case][1](tmp_path / case)
        [found] = examine(read_adapter_files(tmp_path / case))["findings"]
        assert found["what"] == f"{words} in every layer: the adapter changes nothing"


def test_an_adapter_in_another_form_is_to_be_converted(tmp_path):
    model = LoRA(2, 3.0).apply(BASE, np.random.default_rng(0))
    save_adapter(model, tmp_path, form="mlx")
    with pytest.raises(ValueError, match="in the form 'mlx'; `convert --form peft` writes PEFT's"):
        read_adapter_files(tmp_path)


def test_a_scale_of_alpha_is_judged_by_its_size_without_a_base_and_by_its_effect_with_one(tmp_path):
    for name, given_settings in {
        "α": {"lora_alpha": 64},
        "√r": {"lora_alpha": 90, "use_rslora": True},
    }.items():
        theirs(**given_settings)(tmp_path / name)
        files = read_adapter_files(tmp_path / name)
        assert serious(files) == {"scale"} == serious(files, None)
    theirs(lambda tensors: {n: a * 0.03 for n, a in tensors.items()}, lora_alpha=64)(
        tmp_path / "small"
    )
    files = read_adapter_files(tmp_path / "small")
    assert serious(files) == set() and serious(files, None) == {"scale"}


JSON = st.none() | st.booleans() | st.integers(-1, 9) | st.text("r_0.", max_size=3)
JSON |= st.lists(JSON, max_size=2) | st.dictionaries(st.text("c_atn", max_size=6), JSON, max_size=2)


@settings(max_examples=40)
@given(config=st.dictionaries(st.sampled_from([*SETTINGS, "rank_pattern", "alpha_pattern"]), JSON))
def test_any_settings_are_examined(config):
    with tempfile.TemporaryDirectory() as folder:
        theirs(**config)(Path(folder) / "it")
        files = read_adapter_files(Path(folder) / "it")
    for base in (None, BASE) if len(config) < 2 else (None,):
        for found in examine(files, base)["findings"]:
            assert set(found) == {"level", "code", "what", "why", "do", "layers"}


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


@pytest.mark.parametrize("method", [OFT(), TinyLoRA(), SHiRA(), PrefixTuning(4), BitFit()], ids=str)
def test_the_packages_own_base_is_taken_where_the_adapter_fits_it(method, tmp_path, capsys):
    """Of a kind without A and B too; and not for one that another base has."""
    for base, own in ((load_base(), True), (tiny_gpt(), False)):
        save_adapter(method.apply(base, np.random.default_rng(0)), tmp_path / str(own))
        main(["doctor", str(tmp_path / str(own)), "--json"])
        assert bool(json.loads(capsys.readouterr().out)["base"]) == own
