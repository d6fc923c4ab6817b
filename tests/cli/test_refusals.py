"""Bad input to a command: one line that says what is wrong, and exit status 2."""

import pytest

from lora_np.__main__ import main
from lora_np.system import extras
from lora_np.system.hints import program


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["finetune", "--data", "gone.txt"], "gone.txt: No such file"),
        (["variants", "class.csv"], "the course's own lies in the project's folder"),
        (["finetune", "--resume"], "--resume needs --out DIR"),
        (["finetune", "--base", "nowhere"], "nowhere"),
        (["finetune", "--targets", "c_atn"], "target 'c_atn' matches no linear layer"),
        (["finetune", "--rank", "500"], "expected a rank from 1 to min(in, out) = 128"),
        (["finetune", "--method", "ia3", "--rank", "2"], "--rank is no setting of --method ia3"),
        (["finetune", "--method", "c3a", "--set", "block"], "expected NAME=NUMBER"),
        (["finetune", "--method", "c3a", "--set", "block=2", "block=4"], "block is given twice"),
        (["finetune", "--rank", "4", "--set", "rank=2"], "rank has an option of its own"),
        (["finetune", "--set", "targets=2"], "targets has an option of its own"),
        (
            ["finetune", "--method", "c3a", "--set", "size=2"],
            "--set size: no number that --method c3a takes; it has block\n",
        ),
        (["finetune", "--set", "nosuch=3"], "takes; it has dropout, rslora, bias, tied\n"),
        (["finetune", "--set", "init=3"], "--set init: no number that --method lora takes"),
        (["finetune", "--set", "rank_pattern=3"], "--set rank_pattern: no number"),
        (["finetune", "--method", "bitfit", "--set", "x=1"], "takes; it has none\n"),
        (["export", "--max-shard-size", "0", "--out", "x"], "from 1, or as '2GB' with a unit"),
        (["finetune", "--method", "full", "--targets", "c_attn"], "--targets is no setting"),
        (["generate", "--tokens", "500"], "more than n_positions 192"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(capsys, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"{program()}: error: ") and message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["memory"], "one of the arguments --shape --measure --model is required"),
        (["memory", "--model", "gpt4"], "invalid choice: 'gpt4'"),
        (["memory", "--shape", "3", "0"], "expected a whole number from 1, got '0'"),
        (["finetune", "--method", "lorra"], "invalid choice: 'lorra'"),
    ],
)
def test_what_the_parser_refuses_exits_2(capsys, arguments, message):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2 and message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["fintune"], "finetune"),
        (["finetune", "--method", "lorra"], "lora"),
        (["finetune", "--rnak", "8"], "--rank"),
        (["compare", "rlfh"], "rlhf"),
        (["real", "skil"], "skill"),
        (["memory", "--model", "smolm2"], "smollm2"),
        (["finetune", "--base", "smolm2"], "smollm2"),
        (["finetune", "--data", "cod"], "code"),
        (["finetune", "--targets", "c_atn"], "c_attn"),
        (["finetune", "--set", "droput=0.1"], "dropout"),
        (["sweep", "--out", "x", "--method", "qlroa"], "qlora"),
    ],
)
def test_a_wrong_name_says_which_one_may_be_meant(capsys, tmp_path, monkeypatch, arguments, meant):
    monkeypatch.chdir(tmp_path)
    try:
        status = main(arguments)
    except SystemExit as stop:
        status = stop.code
    error = capsys.readouterr().err
    assert status == 2 and f"; did you mean {meant!r}?" in error
    assert len(error.splitlines()[-1]) < 500  # a line or five, with every method named


@pytest.mark.parametrize(
    "arguments",
    [
        ["inspect", "story.txt"],
        ["doctor", "story.txt"],
        ["generate", "--base", "story.txt"],
        ["generate", "--adapter", "story.txt"],
        ["finetune", "--base", "story.txt"],
        ["convert", "--tuned", "story.txt", "--rank", "2", "--out", "new"],
    ],
)
def test_a_plain_file_is_told_from_a_model_before_a_library_is_asked_for(
    capsys, tmp_path, monkeypatch, arguments
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(extras, "has_extra", lambda name: False)
    (tmp_path / "story.txt").write_text("Once upon a time")
    assert main(arguments) == 2
    said = "story.txt: not a GGUF file: it begins with b'Once'; expected a directory, or a .gguf"
    assert said in capsys.readouterr().err
