"""Made-up results of the study on real text, for the tables that read them: no training."""

from lora_np.course.experiments.methods_text import FULL, LORA, SETTINGS, WAYS

BASE = {"code": 2.0, "prose": 1.0}
RANKS = (0, 1, 2, 4, 8, 16, 32, 64)


def losses(gain, forgotten):
    return {"code": BASE["code"] - gain, "prose": BASE["prose"] + forgotten}


def text_numbers(seeds=5, gains=None, forgets=None, rates=None, moves=None, intruders=None):
    """What `methods_text.run` returns, as {way: value} says; any other way gets a usual value.

    A value is a number, or a function of the seed. Full fine-tuning gains 0.4 and forgets 0.2, and
    less of both, in proportion to gain² where it is gentler.
    """
    ways = {}
    for k, (name, way) in enumerate(WAYS.items()):
        lr = (rates or {}).get(name, way.rate)

        def value(given, usual, seed, name=name):
            found = (given or {}).get(name, usual)
            return found(seed) if callable(found) else found + 0.001 * seed

        runs = [
            one_run(
                name,
                seed,
                value(gains, 0.4 - 0.01 * k, seed),
                value(forgets, 0.2 - 0.005 * k, seed),
                value(moves, 0.3 - 0.01 * k, seed),
                (intruders or {}).get(name, 0),
            )
            for seed in range(seeds)
        ]
        between = [lr / 2, lr * 2]
        how = {"lr": lr, "between": between, "inside": True, "tried": {f"{lr:g}": 2.0}}
        ways[name] = {**how, "runs": runs}
    return {
        "study": "methods_text", "seeds": seeds, "settings": SETTINGS, "kernel": "made up",
        "cpu_seconds": 1.0, "ways": ways, "quick": False,
    }  # fmt: skip


def one_run(name, seed, gain, forgotten, moved, intruders):
    after = losses(gain, forgotten)
    run = {
        "validation": after["code"],
        "trained": 1000 + len(name),
        "bytes": {"weights": 3_000_000, "gradients": 500_000},
        "cpu_ms": 7.0 + 0.1 * seed,
        "along": [{"step": 0, **BASE}, {"step": 64, **after}],
        "base": BASE,
        "after": after,
        "kl": {"code": moved, "prose": forgotten},
        "intruding": {"count": intruders, "of": 160},
    }
    for k, how in enumerate(("singular values", "change", "all of it")):
        if intruders or k == 2:
            run["intruding"][how] = {
                f"{f:g}": losses(gain * f, forgotten * f ** (k + 1)) for f in (0.75, 0.5)
            }
    if name in (FULL, LORA):
        run["gentler"] = [
            {"factor": f, "base": BASE, "after": losses(gain * g, forgotten * g * g), "kl": kl}
            for f, g, kl in (
                (0.5, 0.9, {"code": moved * 0.8, "prose": 0.1}),
                (0.25, 0.75, {"code": moved * 0.6, "prose": 0.1}),
                (0.125, 0.5, {"code": moved * 0.3, "prose": 0.1}),
            )
        ]
    if name == FULL:
        run["spectrum"] = {"rank for 90 %": {"h.0.mlp.c_fc": 40 + seed}, "layer": "", "values": []}
        run["truncations"] = {str(k): losses(gain * k / (k + 1), forgotten) for k in RANKS}
    return run
