"""What the course says of stored experiments follows from them: pairs that are told apart or not.

A conclusion from training runs is drawn where every seed agrees and the mean difference is three
standard errors or more; elsewhere the pages say that the runs do not tell.
"""

import json
import pathlib
import sys

import numpy as np
import pytest

from lora_np.course.experiments import context, distillation, patterns, raft
from lora_np.course.experiments.common import paired, told_apart

ROOT = pathlib.Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "benchmarks" / "tuning"))

import which_method  # noqa: E402


def stored(name):
    return json.loads((ROOT / "benchmarks/results" / f"{name}.json").read_text("utf-8"))


def prose(name):
    """A page's text on one line: a notebook's Markdown, without its outputs."""
    text = (ROOT / "notebooks" / name).read_text("utf-8")
    if name.endswith(".ipynb"):
        cells = json.loads(text)["cells"]
        text = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    return " ".join(text.split())


@pytest.mark.parametrize(
    "differences, apart",
    [
        ([1.0, 1.1, 0.9, 1.0, 1.2], True),
        ([-1.0, -1.1, -0.9], True),
        ([1.0, 1.1, 0.9, -0.1, 1.2], False),  # a pair disagrees
        ([0.1, 0.2, 9.0, 0.1, 0.2], False),  # one pair makes the mean
        ([0.5, 0.5, 0.0], False),  # and a tie does not agree
        ([1.0, 1.0], False),  # two pairs have no spread to speak of
        ([1.0], False),
        ([2.0, 2.0, 2.0], True),
    ],
)
def test_told_apart(differences, apart):
    theirs = np.linspace(3, 5, len(differences))
    ours = theirs + differences
    if differences == [0.5, 0.5, 0.0]:
        ours[-1] = theirs[-1]
    assert told_apart(ours, theirs) == told_apart(theirs, ours) == apart
    said = paired(ours, theirs)
    assert said.startswith("not told apart") != apart
    if apart:
        way, n = "above" if differences[0] > 0 else "below", len(differences)
        assert said.endswith(f"{way} in {n} of {n} pairs")


def signs(experiment_rows):
    """+1, -1, or 0 where not told apart."""
    return [
        int(np.sign(np.subtract(ours, theirs).mean())) * told_apart(ours, theirs)
        for ours, theirs in experiment_rows
    ]


def test_which_method_says_what_its_pairs_say():
    """The page's advice, in the order of its second table."""
    found = [(what, one, other) for what, one, other, _, _ in which_method.compared()]
    expected = {
        ("gain on code, %", "LoRA r 8, everywhere", "full fine-tuning"): -1,
        ("gain on code, %", "DoRA r 8, everywhere", "LoRA r 8, everywhere"): +1,
        ("gain on code, %", "QLoRA r 8, everywhere", "LoRA r 8, everywhere"): 0,
        ("gain on code, %", "LoRA r 8, everywhere", "LoRA r 8, c_attn"): +1,
        ("step", "DoRA r 8, everywhere", "full fine-tuning"): +1,
        ("prose forgotten", "LoRA r 8, everywhere", "full fine-tuning"): 0,
        ("new: + 5", "prefix, 4 positions", "LoRA r 4, attention's qkv"): -1,
        ("new: reverse + 1", "LoRA r 1, everywhere", "full fine-tuning"): 0,
        ("new: reverse + 1", "LoRA r 4, attention's qkv", "LoRA r 1, everywhere"): 0,
        ("loss on code, 64 kB read", "LoRA r 8, everywhere", "full fine-tuning"): +1,
        ("the same, as a gap", "6 MB read", "64 kB read"): 0,
        ("perplexity of SmolLM2", "QLoRA r 8, everywhere", "LoRA r 8, everywhere"): +1,
    }
    assert found == list(expected)
    assert signs(row[3:] for row in which_method.compared()) == list(expected.values())


def test_which_method_and_claims_name_the_stored_numbers():
    rows = stored("real_nf4")["rows"]
    lora, qlora = rows["LoRA on float32"], rows["QLoRA (NF4, scales in 8 bits)"]
    for page in ("WHICH_METHOD.md", "CLAIMS.md"):
        for runs in (lora, qlora):
            assert f"{np.mean([run['perplexity'] for run in runs]):.2f}" in prose(page), page
    assert abs(qlora[0]["bytes"] / lora[0]["bytes"] - 1 / 3) < 0.02, "a third of the bytes"
    scores = {name: np.array(r["accuracy"]) for name, r in stored("methods")["rows"].items()}
    for name in ("prompt, 4 tokens", "prefix, 4 positions"):
        assert scores[name][:, 0].min() > 0.99, f"{name} calls up in every seed"
    assert scores["prompt, 4 tokens"][:, 1:].max() < 0.01, "and a prompt learns nothing new"


def test_lesson_9_gives_the_ranges_of_the_stored_table():
    scores = {name: np.array(r["accuracy"]) for name, r in stored("methods")["rows"].items()}
    page, third = prose("09_what_moves.ipynb"), 2
    for name in ("full fine-tuning", "Houlsby adapters, width 8", "LoRA r 4, attention's qkv"):
        low, high = scores[name][:, third].min(), scores[name][:, third].max()
        assert f"{low:.2f} to {high:.2f}" in page or low == high == 1, name
    assert (scores["prompt, 10 tokens"][:, 0] < 0.1).sum() == 2, "failed for two of five seeds"
    assert f"from {scores['head'][:, 0].min():.0f} to {scores['head'][:, 0].max():.2f}" in page


def test_lesson_10_on_distillation():
    """A teacher helps in every seed and size; the rest only where the page says so."""
    numbers = stored("distillation")
    few, some, many = numbers["texts"]

    def gap(way, n, column="end"):
        return distillation.gaps(numbers, way, n, column)

    for n in (few, some, many):
        assert signs([(gap("teacher, T = 1", n), gap("hard labels", n))]) == [-1]
    assert signs([(gap("teacher, T = 1", some), gap("hard labels", many))]) == [-1]
    halves = [(gap("T = 2, half hard", n), gap("teacher, T = 2", n)) for n in (few, some, many)]
    assert signs(halves) == [+1, +1, 0]
    hotter = [(gap("teacher, T = 2", n), gap("teacher, T = 1", n)) for n in (few, some, many)]
    assert signs(hotter) == [+1, 0, 0]
    start = [run["students"]["hard labels"][str(few)]["way"][0] for run in numbers["runs"]]
    assert np.array_equal(gap("hard labels", few, "best"), start), "its best: not trained at all"
    shares = [gap("teacher, T = 1", n) / gap("hard labels", n) for n in (few, some, many)]
    said = f"from {np.min(shares):.2f} to {np.max(shares):.2f}"
    assert said in prose("10_what_teaches.ipynb")


def test_lesson_10_on_context_distillation():
    numbers = stored("context")
    new, few = (f"{context.SOFT}, {what} strings" for what in ("new", "64"))
    answers = f"{context.HARD}, new strings"

    def score(name, column="without"):
        return context.column_of(numbers, name, column)

    assert signs([(score(new), score(few))]) == [+1], "new strings teach"
    assert min(score(new) + score(answers)) > 0.98, "with either kind of target"
    for column in ("with", "others"):
        assert signs([(score(context.HELD, column), score(new, column))]) == [+1]
        assert max(score(new, column)) < 0.3 < 0.9 < min(score(context.HELD, column))


def test_lesson_11_on_raft():
    """By columns: knows by heart, reads what moves, reads what has changed; P against the base."""
    rows = {name: np.transpose(r) for name, r in stored("raft")["rows"].items()}  # (columns, seeds)
    below_1 = [raft.name_of(P) for P in raft.SHARES[:-1]]
    for name in below_1:
        assert signs([(rows[name][1], rows["base"][1])]) == [+1], f"{name} knows some by heart"
        assert signs([(rows[name][3], rows["base"][3])]) == [-1], f"{name} recites where it changed"
    always = rows[raft.name_of(1.0)]
    assert np.abs(always - rows["base"]).max() < 0.02, "P = 1 teaches nothing here"
    steps = [[rows[raft.name_of(P)] for P in pair] for pair in zip(raft.SHARES, raft.SHARES[1:])]
    columns = [[(two[k], one[k]) for one, two in steps] for k in (1, 2, 3)]
    assert [signs(column) for column in columns] == [
        [0, 0, 0, 0, -1],  # by heart: from one P to the next only the last step is told
        [0, +1, +1, 0, 0],  # moving: P = 0.4 reads more than 0.2, and 0.6 than 0.4
        [0, 0, +1, 0, +1],  # changed: 0.6 more than 0.4, and 1 more than 0.8
    ]
    by_heart = [rows[raft.name_of(P)][1] for P in (0.4, 0.8)]
    assert signs([by_heart]) == [+1], "P = 0.4 knows more by heart than 0.8"


def test_lesson_11_on_patterns():
    numbers = stored("patterns")
    rows = {name: np.array(r) for name, r in numbers["rows"].items()}  # (seeds, sizes)
    apart = [
        [*signs(zip(rows[one].T, rows[two].T)), *signs([(rows[one].mean(1), rows[two].mean(1))])]
        for one, two in patterns.RIVALS
    ]
    assert apart == [[0, 0, 1, 0, 1], [0, 0, 0, 0, 0], [0, 0, 1, 1, 1]], "4, 10, 32, 100, mean"
    few = [rows[name][:, 0] for name in patterns.RIVALS[1]]
    assert (few[0] > few[1]).all() and few[1].min() < 0.5, "one head has learnt nothing"
    assert (rows[patterns.PATTERN] > rows["new head, all numbers"])[:, 0].sum() == 4
    zero = np.array(numbers["zero"])  # (seeds, patterns)
    assert zero.min() > 0.5 + 0.2, "well above chance with no label"
    film = zero[:, 2]
    assert signs([(film, rows["new head, all numbers"][:, 0])]) == [+1], "and above a head with 4"
    each = np.array(numbers["each_pattern"])[:, 0, 2]
    assert signs([(each, film)]) == [0], "labels changed nothing there"


def test_lesson_13_on_smollm2():
    rows = stored("real_nf4")["rows"]
    after = [
        [r["perplexity"] for r in rows[n]]
        for n in ("QLoRA (NF4, scales in 8 bits)", "LoRA on float32")
    ]
    assert signs([after]) == [+1]
    for runs in after:
        assert f"{np.mean(runs):.2f}" in prose("13_a_real_model.ipynb")
    skill = stored("real_skill")["rows"]
    lora, base = skill["LoRA r 8, everywhere"], skill["base, two examples"][0]
    assert min(run["new forms"] for run in lora) > 0.9 > 0.2 > base["new forms"]
