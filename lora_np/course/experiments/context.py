"""Context distillation on the symbol skills: LoRA keeps what four letters of instruction asked for.

The base does any of its skills when the letters that call it come first, and nothing without
them. It teaches itself: the teacher reads the instruction, the student does not, and both read
the same digits and the answer that the teacher wrote. No right answer is ever shown.
"""

import numpy as np

from ...analysis.plots import COLORS, MARKERS, style, subplots
from ...generation.sampling import generate
from ...methods import LoRA
from ...objectives import context_distillation, cross_entropy
from ...tasks import reference, taught, without_context
from ...tasks.worlds import skills
from .bases import SKILLS
from .common import caveat, fit, over_seeds, paired, spread, text_table

METHOD = LoRA(rank=4, alpha=8.0, targets="all-linear")
PROMPT = skills.LENGTH + 1  # the digits and the arrow
TRIES = 300  # new strings whenever a share of right answers is measured
SOFT, HARD = "its probabilities", "its answers"
TEACHINGS = ((SOFT, context_distillation), (HARD, cross_entropy))
HELD = f"{SOFT}, new strings, the rest held"


def run(seeds=5, quick=False):
    """Each seed draws a skill, and distils it from few strings of digits and from ever new ones."""
    steps, sizes, teachings = (160, (), TEACHINGS[:1]) if quick else (300, (16, 64), TEACHINGS)
    runs, seconds = over_seeds(lambda seed: one_seed(seed, steps, sizes, teachings), seeds)
    runs = [{**run, "CPU seconds": round(took, 1)} for run, took in zip(runs, seconds)]
    return {"quick": quick, "steps": steps, "runs": runs}


def one_seed(seed, steps, sizes, teachings):
    rng, base = np.random.default_rng(seed), SKILLS.load()
    teacher, skill = reference(base), list(skills.KNOWN)[seed % len(skills.KNOWN)]
    result = {"seed": seed, "skill": skill, "before": measure(base, skill, rng), "students": {}}

    def learn(name, objective, batches):
        student = METHOD.apply(base, rng)
        history = fit(
            student, batches, objective, 1e-2, every=steps // 12,
            evaluate=lambda: {"without": unaided(student, skill, rng)},
        )  # fmt: skip
        way = [check["without"] for check in history.evaluations]
        result["students"][name] = {**measure(student, skill, rng), "way": way}

    for name, objective in teachings:
        for size in sizes:
            batches = [lesson(base, teacher, skill, size, rng)] * steps
            learn(f"{name}, {size} strings", objective, batches)
        batches = [lesson(base, teacher, skill, 64, rng) for _ in range(steps)]
        learn(f"{name}, new strings", objective, batches)
    # Every second batch is of other texts, with instructions, on which nothing is to change.
    rest = [taught(base, teacher, skills.mixed_batch(64, rng)) for _ in range(steps // 2)]
    batches = [batch for pair in zip(batches, rest) for batch in pair]
    learn(HELD, context_distillation, batches)
    return result


def lesson(student, teacher, skill, size, rng):
    """Digits and the answers that the instructed teacher draws, with what it thought of each."""
    instruction = skills.instruction(skill)
    prompts = np.concatenate([np.tile(instruction, (size, 1)), some_digits(size, rng)], axis=1)
    texts = generate(teacher, prompts, skills.LENGTH, temperature=1.0, rng=rng)
    return without_context(student, teacher, instruction, texts[:, len(instruction) :], PROMPT)


def some_digits(size, rng):
    digits = rng.integers(skills.DIGITS, size=(size, skills.LENGTH))
    return np.concatenate([digits, np.full((size, 1), skills.ARROW)], axis=1)


def right(model, instructions, skill, rng):
    """The share of new strings that the model answers rightly behind these letters, if any."""
    prompts = some_digits(TRIES, rng)
    expected = skills.answer(skill, prompts[:, : skills.LENGTH])
    behind = np.concatenate([np.tile(instructions, (TRIES, 1)), prompts], axis=1)
    answers = generate(model, behind, skills.LENGTH)[:, -skills.LENGTH :]
    return float((answers == expected).all(axis=1).mean())


def unaided(model, skill, rng):
    return right(model, np.empty(0, np.int64), skill, rng)


def measure(model, skill, rng):
    """Without the instruction, with it, and what became of the other skills with theirs."""
    others = [other for other in skills.KNOWN if other != skill]
    kept = [right(model, skills.instruction(other), other, rng) for other in others]
    return {
        "without": unaided(model, skill, rng),
        "with": right(model, skills.instruction(skill), skill, rng),
        "others": float(np.mean(kept)),
    }


COLUMNS = {"without": "without it", "with": "with it", "others": "other skills"}


def table(numbers):
    """Share of answers with all digits right, mean ± standard deviation over the seeds."""
    runs = numbers["runs"]
    rows = {"the base": [run["before"] for run in runs]}
    rows |= {name: [run["students"][name] for run in runs] for name in runs[0]["students"]}
    shown = (
        (name, *(spread([run[column] for run in found]) for column in COLUMNS))
        for name, found in rows.items()
    )
    titles = ("learnt from the instructed model:", *COLUMNS.values())
    lines = text_table(titles, shown, (46, 15))
    seconds = max(run["CPU seconds"] for run in runs)
    lines.append(
        f"Answers all right without the instruction, with it, and other skills with theirs; "
        f"seeds: {len(runs)};\nmean ± standard deviation, {numbers['steps']} steps; "
        f"{seconds:.0f} s of one processor a seed at most.\n"
        f"Skills, one a seed: {', '.join(run['skill'] for run in runs)}.\n{verdict(numbers)}"
        f"{caveat(numbers)}"
    )
    return "\n".join(lines)


def column_of(numbers, name, column):
    return [run["students"][name][column] for run in numbers["runs"]]


def mean(numbers, name, column):
    return float(np.mean(column_of(numbers, name, column)))


def verdict(numbers):
    """What the paper found, held against these numbers."""
    free = f"{SOFT}, new strings"
    others, own = mean(numbers, free, "others"), mean(numbers, free, "with")
    held = paired(column_of(numbers, HELD, "others"), column_of(numbers, free, "others"))
    return (
        "Askell et al. (2021) find that a distilled prompt costs large models little elsewhere. "
        f"Here the other\nskills end at {others:.2f}, and this one behind its own letters at "
        f"{own:.2f}. Where every second batch holds\nthe rest, the others keep "
        f"{mean(numbers, HELD, 'others'):.2f}\n({held}) and this one still reaches "
        f"{mean(numbers, HELD, 'without'):.2f} without its letters."
    )


@style()
def figure(numbers):
    """On the left the skill moves into the weights; on the right, what that does to the others."""
    runs = numbers["runs"]
    names = [name for name in runs[0]["students"] if name.startswith(SOFT)]
    picture, (left, right_axes) = subplots(1, 2, size=(7.6, 3.8), width_ratios=(4, 3))
    for k, name in enumerate(names):
        way = np.mean([run["students"][name]["way"] for run in runs], axis=0)
        steps = np.linspace(0, numbers["steps"], len(way))
        label = name.removeprefix(f"{SOFT}, ")
        left.plot(steps, way, marker=MARKERS[k], markersize=4, label=label)
        others = [run["students"][name]["others"] for run in runs]
        right_axes.barh(k, np.mean(others), color=COLORS[k], alpha=0.55, height=0.6)
        right_axes.plot(others, np.full(len(others), k), "o", color="black", markersize=3)
    left.set(xlabel="step", ylabel="answers all right", title="without the instruction")
    left.set_ylim(-0.03, 1.03)
    left.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2, fontsize=9)
    right_axes.set(xlim=(-0.03, 1.03), xlabel="answers all right", title="the other skills, after")
    names = [name.removeprefix(f"{SOFT}, ").replace(", the", ",\nthe") for name in names]
    right_axes.set_yticks(range(len(names)), names)
    right_axes.invert_yaxis()
    right_axes.grid(False, axis="y")
    return picture


def alt_text(numbers):
    """What the figure shows, in words, from its own numbers."""
    names = [name for name in numbers["runs"][0]["students"] if name.startswith(SOFT)]
    parts = [
        f"{name}: {mean(numbers, name, 'without'):.2f} without the instruction, "
        f"{mean(numbers, name, 'others'):.2f} on the other skills"
        for name in names
    ]
    return f"Share of right answers after context distillation. {'; '.join(parts)}."
