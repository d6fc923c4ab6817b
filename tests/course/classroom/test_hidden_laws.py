"""Laws that only the teacher has: tried like the others, sealed, and told to nobody else."""

import pytest

from lora_np.course.classroom import find, hidden_laws, judge

TEXT = '''
from lora_np.course.classroom.hidden_laws import beside
from lora_np.course.classroom.inputs import layers, only, same

FORWARD = beside("1.2")


@FORWARD.law("the secret statement", only(layers(), "x", "W", "A", "B", "alpha"))
def nothing_in(forward, x, W, A, B, alpha):
    """What becomes of an empty batch?"""
    same("y of nothing", forward(x[:0], W, A, B, alpha), (x @ W)[:0])


EXERCISES = [FORWARD]
'''


def right(x, W, A, B, alpha):
    print("spied", x.shape)
    return x @ W + alpha / A.shape[1] * x @ A @ B


def wrong_where_hidden(x, W, A, B, alpha):
    return right(x, W, A, B, alpha) if len(x) else x


def test_a_hidden_law_counts_and_says_no_more_than_its_hint():
    exercise = hidden_laws.with_hidden(find("1.2"), TEXT)
    assert judge(exercise, right).points == 2
    assert judge(find("1.2"), wrong_where_hidden).status == "right"
    result = judge(exercise, wrong_where_hidden)
    assert (result.status, result.points) == ("wrong", 0)
    assert result.law == "hidden: the secret statement"
    for kept in ("secret", "smallest input", "spied", "y of nothing"):
        assert kept not in result.feedback
    assert "only your teacher has" in result.feedback and "an empty batch" in result.feedback
    assert hidden_laws.with_hidden(find("1.1"), TEXT).laws == find("1.1").laws


def test_the_file_is_opened_with_its_key_alone(tmp_path):
    path = tmp_path / "hidden.py"
    with pytest.raises(ValueError, match="only its teacher has them"):
        hidden_laws.opened(path, "")
    path.write_text(TEXT)
    key = hidden_laws.key_of(path.read_bytes())
    with pytest.raises(ValueError, match=f"note its key.* --key {key}"):
        hidden_laws.opened(path, "")
    assert hidden_laws.opened(path, key) == TEXT
    path.write_text(TEXT.replace("[:0])", "[:1])"))
    with pytest.raises(ValueError, match="was altered since the key") as caught:
        hidden_laws.opened(path, key)
    assert hidden_laws.key_of(path.read_bytes()) not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x = (", "SyntaxError"),
        ("x = 1", "expected a list EXERCISES"),
        (TEXT.replace("1.2", "99.2"), "no exercises for lesson 99"),
        (TEXT.replace("1.2", "2.3"), "in the answer's own process"),
        (TEXT.replace("1.2", "90.1"), "drawn"),
        (TEXT.replace("@FORWARD.law", "@beside('1.2').law"), "has no law there"),
    ],
)
def test_a_file_of_another_form_is_told_before_anything_is_graded(tmp_path, text, told):
    (tmp_path / "hidden.py").write_text(text)
    with pytest.raises(ValueError, match=told):
        hidden_laws.opened(tmp_path / "hidden.py", hidden_laws.key_of(text.encode()))
