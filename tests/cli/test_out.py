"""--out: nothing that is there is written over; what cannot be written is said before the work."""

import pytest

from lora_np import cli
from lora_np.__main__ import main
from lora_np.cli.out import any_folder, new_file, new_folder

FILES = (
    ["tour"], ["memory", "--shape", "8", "8"], ["generate"], ["compare", "patterns", "--quick"],
    ["inspect", "nowhere"], ["doctor", "nowhere"], ["check", "nowhere.py"],
)  # fmt: skip
FOLDERS = (["variants", "class.csv"], ["grade", "one.ipynb"], ["predictions", "handed"])


@pytest.mark.parametrize("typed", FILES, ids=" ".join)
@pytest.mark.parametrize(
    ("out", "said"),
    [("folder", "is a folder"), ("nowhere/x", "no folder"), ("kept", "is there already")],
)
def test_a_result_that_has_no_place_is_not_computed(typed, out, said, tmp_path, capsys):
    (tmp_path / "folder").mkdir()
    (tmp_path / "kept").write_text("mine")
    assert main([*typed, "--out", str(tmp_path / out)]) == 2
    told = capsys.readouterr()
    assert said in told.err and not told.out
    assert (tmp_path / "kept").read_text() == "mine" and not [*(tmp_path / "folder").iterdir()]


@pytest.mark.parametrize("typed", FOLDERS, ids=" ".join)
def test_what_students_wrote_is_not_written_over(typed, tmp_path, capsys):
    (tmp_path / "sheets" / "amy").mkdir(parents=True)
    (tmp_path / "sheets" / "amy" / "90_own.ipynb").write_text("her answer")
    assert main([*typed, "--out", str(tmp_path / "sheets")]) == 2
    assert "holds amy already" in capsys.readouterr().err
    assert (tmp_path / "sheets" / "amy" / "90_own.ipynb").read_text() == "her answer"


def test_an_adapter_is_not_trained_for_a_folder_that_has_one(tmp_path, capsys):
    (tmp_path / "adapter_config.json").write_text("mine")
    assert main(["real", "skill", "--quick", "--adapter", str(tmp_path)]) == 2
    assert "holds adapter_config.json already" in capsys.readouterr().err


def test_a_picture_is_not_drawn_over_another(tmp_path, capsys):
    (tmp_path / "kept.png").write_text("mine")
    assert main(["compare", "patterns", "--quick", "--plot", str(tmp_path / "kept.png")]) == 2
    assert "--plot" in capsys.readouterr().err
    assert (tmp_path / "kept.png").read_text() == "mine"


@pytest.mark.parametrize("check", [any_folder, new_folder])
def test_a_folder_may_be_new_or_empty_and_no_file(check, tmp_path):
    check("--out", tmp_path)
    check("--out", tmp_path / "new" / "newer")
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "x"):
        with pytest.raises(ValueError, match="no folder"):
            check("--out", path)


def test_every_command_says_what_its_out_may_be():
    checks = {getattr(each, "check_out", new_file) for each in cli.ALL}
    assert checks == {any_folder, new_file, new_folder}
