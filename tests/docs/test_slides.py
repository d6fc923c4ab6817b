"""The slides: every prediction, figure and table of a lesson, and no answer on the screen."""

import re
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "notebooks" / "tools"))

import make_cards  # noqa: E402
import make_slides  # noqa: E402

COMMENT = re.compile(r"<!--.*?-->", re.S)


@pytest.mark.parametrize("path", make_slides.lessons(), ids=lambda path: path.stem)
def test_a_deck_holds_what_a_lecture_takes_and_tells_no_answer(path):
    cells = nbformat.read(path, as_version=4).cells
    text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    made = make_slides.slides(path)
    asked = [each for each in made if each.kind == "predict"]
    answers = make_cards.ANSWER.findall(text)
    assert len(asked) == len(answers)
    for each, (letter, _) in zip(asked, answers):
        assert re.findall(r"^- \(([abc])\)", each.body, re.M) == ["a", "b", "c"]
        assert each.notes.startswith(f"({letter})")
    figures = sum(
        "image/png" in output.get("data", {}) for c in cells for output in c.get("outputs", [])
    )
    assert sum(each.body.startswith("![") for each in made) == figures
    for each in made:
        seen = COMMENT.sub("", each.text())
        assert "<details" not in seen and "-->" not in seen, each.heading
        assert each.text().count("<!--") == each.text().count("-->")
        assert len(re.findall("^```", each.body, re.M)) % 2 == 0, "code is cut off in its middle"
        prose = re.sub(
            r"```.*?```|`[^`]*`|!\[[^]]*\]\(data:image/png;base64,", "", seen, flags=re.S
        )
        assert "](" not in prose, "a deck lies elsewhere, so no link leads on"
        assert seen.count("\n") < 45
    assert made[0].kind == "title" and made[-1].heading == "Test yourself"
