"""`check`, as a notebook calls it: it prints, and where nbgrader runs the cells it raises."""

import pytest
from test_exercises import master_of

from lora_np.course.classroom import check
from lora_np.course.classroom.masters import solution_of

RIGHT = {}
exec(solution_of(master_of("1.1"), "1.1"), RIGHT)


@pytest.mark.parametrize("answer", [None, [7.0, 7.0]])
def test_nbgrader_sees_an_error_where_an_answer_is_not_right(answer, monkeypatch, capsys):
    check("1.1", answer)
    said = capsys.readouterr().out
    assert said.startswith("Exercise 1.1") and "): right, " not in said
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    with pytest.raises(AssertionError) as error:
        check("1.1", answer)
    assert f"{error.value}\n" == said and not capsys.readouterr().out


@pytest.mark.parametrize("runs", ["", "autograde"])
def test_a_right_answer_is_printed_anywhere(runs, monkeypatch, capsys):
    monkeypatch.setenv("NBGRADER_EXECUTION", runs)
    check("1.1", RIGHT["y_by_hand"])
    assert "): right, " in capsys.readouterr().out
