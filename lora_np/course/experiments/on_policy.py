"""On-policy distillation against a teacher's texts, labels and PPO, at equal numbers of tokens.

Agarwal et al. (2023, arXiv 2306.13649) let the student write and the teacher grade each token, and
find that better than learning from the teacher's texts; Lu et al. (2025, Thinking Machines, "On-
policy distillation") reach with it what a reward teaches, in a tenth of the compute or less: a
reward is one number a text, a teacher a whole distribution a token. Here LoRA r 4 learns to use a
skill of the base's that nothing calls: the letters are blank, and the base has 0.1 to 0.3 of the
digits right. The teacher is the base, fully fine-tuned on that.

Why it may differ: answers have five tokens, so a student that goes astray does not go far; the
teacher is all but certain, so it says little more than the label; and a student that writes what
the teacher would never write is graded on texts that nobody needs.
"""

import numpy as np

from ...analysis.plots import style, subplots
from ...generation import generate
from ...methods import LoRA
from ...objectives import PPO, Distillation, cross_entropy, reverse_kl
from ...system.platform import cpu_seconds
from ...tasks import completion, taught
from ...tasks.worlds import skills
from . import conclusions
from .common import caveat, fit, look, seed_count, spread, text_table
from .protocol import TRIALS, Study, by_seed, compare, rates_table
from .skill_lessons import PROMPT, base, probability, prompts, rewarded, split, teacher_of

STUDENT = LoRA(4, 4, "all-linear")
OWN, OWN_REVERSE = "own texts, KL(teacher ‖ student)", "own texts, KL(student ‖ teacher)"
THEIRS, LABELS, REWARD = "the teacher's texts", "labels", "own texts, a reward (PPO)"
OBJECTIVES = {
    LABELS: cross_entropy,
    THEIRS: Distillation(temperature=1.0),
    OWN: Distillation(temperature=1.0),
    OWN_REVERSE: reverse_kl,
    REWARD: PPO(),
}
RATES = {LABELS: 2e-2, THEIRS: 2e-2, OWN: 2e-2, OWN_REVERSE: 1e-2, REWARD: 1e-2}
SKILLS = [name for name in skills.KNOWN if name != "rotate left"]  # which blank letters call
TUNING_SEEDS = 100, 101  # a skill with 0.3 of the digits right at the start, one with 0.1
SETTINGS = {"steps": 120, "texts": 16, "group": 8, "every": 6, "scored": 200, "teacher_steps": 150}
LEARNT = 0.9  # p(right digit)
QUICK = {"steps": 4, "texts": 8, "group": 4, "every": 2, "scored": 50, "teacher_steps": 5}


def skill_of(seed):
    """Another one for each of seven seeds."""
    return skills.Skill(SKILLS[seed % len(SKILLS)])


def texts_of(way, model, skill, cell, rng):
    """Endless batches of one way of teaching, `texts` answers each."""
    teacher = teacher_of(skill, cell["seed"], cell["teacher_steps"])
    n = cell["texts"]

    def written_by(writer):
        while True:
            asked = prompts(skill, n, rng)
            texts = generate(writer, asked, skills.LENGTH, temperature=1.0, rng=rng)
            yield taught(model, teacher, completion(texts, PROMPT))

    def labelled():
        while True:
            yield skill.batch(n, rng)

    sources = {
        LABELS: labelled,
        THEIRS: lambda: written_by(teacher),
        OWN: lambda: written_by(model),
        OWN_REVERSE: lambda: written_by(model),
        REWARD: lambda: rewarded(model, skill, n, cell["group"], 1, rng),
    }
    return sources[way]()


def one_run(cell):
    """One way once: p(right digit) on the way, from the start on.

    "validation" is one less its mean over the way: what is learnt sooner is better.
    """
    way, seed, steps = cell["way"], cell["seed"], cell["steps"]
    skill, rng = skill_of(seed), np.random.default_rng(seed)
    model = STUDENT.apply(base(), rng)
    batches = texts_of(way, model, skill, cell, rng)
    validation, test = (split(skill, seed, k, cell["scored"]) for k in ("validation", "test"))
    start, scores = cpu_seconds(), []

    def evaluate():
        scores.append((probability(model, validation), probability(model, test)))
        return {"validation": scores[-1][0]}

    fit(model, batches, OBJECTIVES[way], cell["lr"], steps=steps, every=cell["every"],
        evaluate=evaluate)  # fmt: skip
    on_validation, on_test = np.transpose(scores)
    return {
        "validation": 1 - float(on_validation[1:].mean()),
        "way": on_test.round(5).tolist(),
        "mean": float(on_test[1:].mean()),
        "end": float(on_test[-1]),
        "accuracy": skills.accuracy(model, test),
        "teacher": probability(teacher_of(skill, seed, cell["teacher_steps"]), test),
        "trained": sum(p.size for p in model.trainable_parameters()),
        "cpu_ms": 1000 * (cpu_seconds() - start) / steps,
    }


def run(seeds=5, quick=False, directory=None, processes=None):
    """Every way of teaching, tuned, then once for each seed; plain numbers."""
    seeds, settings, trials = (1, QUICK, 0) if quick else (seeds, SETTINGS, TRIALS)
    study = Study("on_policy", one_run, RATES, settings, trials, TUNING_SEEDS)
    return {"quick": quick, **compare(study, seeds, directory, processes)}


def tokens(numbers):
    """How many tokens a student has read or written at each score."""
    s = numbers["settings"]
    count = len(numbers["ways"][LABELS]["runs"][0]["way"])
    return np.arange(count) * s["every"] * s["texts"] * skills.LENGTH


def needed(numbers, way):
    """(seeds,) tokens until LEARNT, infinite where that is not reached."""
    x = tokens(numbers)

    def first(run):
        return next((t for t, p in zip(x, run["way"]) if p >= LEARNT), np.inf)

    return by_seed(numbers, way, first)


def table(numbers):
    """p(right digit) on the way and at the end, tokens until it is learnt, and the rates."""
    x, rows = tokens(numbers), []
    for way, rate, between, _ in rates_table(numbers):
        found = [spread(by_seed(numbers, way, m), 3) for m in ("mean", "end", "accuracy")]
        middle = np.median(needed(numbers, way))
        until = f"{middle:,.0f}" if np.isfinite(middle) else "not reached"
        cpu = f"{by_seed(numbers, way, 'cpu_ms').min():.0f}"
        rows.append((way, until, *found, cpu, rate, between))
    titles = ("learnt from", f"tokens to {LEARNT}", "mean on the way", f"at {x[-1]:,} tokens")
    titles = (*titles, "all five right", "CPU ms", "rate", "best rate between")
    before, teacher = (
        by_seed(numbers, LABELS, measure) for measure in (lambda run: run["way"][0], "teacher")
    )
    return "\n".join(
        [
            *text_table(titles, rows, (34, 15, 17, 17, 17, 8, 9, 26)),
            f"p(right digit), means ± standard deviations, {seed_count(numbers)}; before "
            f"{spread(before, 3)}, the teacher {spread(teacher, 3)}. Tokens: the seeds' median. "
            f"{numbers['cpu_seconds'] / 60:.1f} CPU minutes.",
            verdict(numbers) + caveat(numbers),
        ]
    )


PAIRS = ((OWN, THEIRS), (OWN_REVERSE, THEIRS), (OWN_REVERSE, OWN), (OWN, LABELS), (OWN, REWARD))


def claims(numbers):
    """{what, one less another: a difference for each seed}, of the mean p(right) on the way."""
    return {
        f"{ours}, less {theirs}": by_seed(numbers, ours, "mean") - by_seed(numbers, theirs, "mean")
        for ours, theirs in PAIRS
    }


def verdict(numbers):
    """What the papers found, held against these numbers, pair by pair: one seed is one pair."""
    return (
        "Agarwal et al. (2023, arXiv 2306.13649) find the student's own texts a better lesson "
        "than the teacher's;\nLu et al. (2025) a teacher a far faster one than a reward. "
        f"Here the mean on the way:\n{conclusions.table(claims(numbers))}"
    )


@style()
def figure(numbers):
    """p(right digit) against tokens, the seeds' mean; bands are ± their standard deviation."""
    picture, axes = subplots(size=(6, 4.2))
    for k, way in enumerate(RATES):
        found = by_seed(numbers, way, "way")  # (seeds, scores)
        mean, band = found.mean(axis=0), found.std(axis=0)
        axes.plot(tokens(numbers), mean, **look(k), label=way)
        axes.fill_between(
            tokens(numbers), mean - band, mean + band, alpha=0.12, color=look(k)["color"]
        )
    axes.set(xlabel="tokens read or written", ylabel="p(right digit)", ylim=(None, 1.03))
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2, fontsize=9)
    return picture


def alt_text(numbers):
    """What the figure shows, in words, from its own numbers."""
    said = []
    for way in RATES:
        mean = by_seed(numbers, way, "way").mean(axis=0)
        said.append(f"{way} {mean[len(mean) // 4]:.3f}, {mean[-1]:.3f}")
    start = by_seed(numbers, LABELS, "way").mean(axis=0)[0]
    return (
        f"Probability of a right digit against tokens, from {start:.3f} on; at a quarter of "
        f"{tokens(numbers)[-1]:,} tokens and at the end: {'; '.join(said)}."
    )
