"""The 3×2 example as text: one string a step, plain ASCII, at most 79 columns."""

import os
from pathlib import Path

import numpy as np

from ..system.hints import command
from .numbers import TINY
from .text import bar, beside, fixed, matrix, number, setting, signed_sum, vector


def screens(n):
    """The nine steps for the numbers of `worked_example.run()`, as a list of strings."""
    return [f(n) for f in (forward, adapter, goal, delta, descent, stuck, walls, nf4, counts)]


def forward(n):
    x, terms = n["x"].ravel(), n["terms"]
    lines = [
        "THE 3x2 EXAMPLE    x: one token (1,3)   W: frozen weight (3,2)   y = xW (1,2)",
        "",
        "1  Forward",
        f"     x = {vector(x)}",
        *beside(["     W ="], matrix(n["W"]), 1),
    ]
    for j in range(2):
        products = " + ".join(f"({number(a)})({number(w)})" for a, w in zip(x, n["W"][:, j]))
        lines.append(f"     y{j + 1} = {products}")
        lines.append(f"        = {signed_sum(terms[:, j])} = {number(n['y'][0, j])}")
    document = "[" + ", ".join(number(v) for v in n["document_y"].ravel()) + "]"
    lines.append(f"     y  = {vector(n['y'])}")
    lines.append(f"   ! The document prints {document}. Same terms, wrong sums: a slip.")
    return "\n".join(lines) + "\n"


def adapter(n):
    r, s, first = n["rank"], n["scale"], n["steps"][0]
    lines = [
        f"2  LoRA: leave W alone, add a rank-{r} path   "
        f"s = alpha/r = {setting(n['alpha'])}/{r} = {setting(s)}",
        f"     A (3,{r})      B ({r},2)        W' = W + s*A@B",
    ]
    lines += ["       " + row for row in beside(matrix(first["A"]), matrix(first["B"]), 8)]
    for k in range(r):
        products, u = signed_sum((n["x"] * first["A"][:, k]).ravel()), n["at_init"]["u"][0, k]
        lines.append(f"     u{k + 1 if r > 1 else ''} = xA = {products} = {number(u)}")
    lines += [
        f"     dW = A@B = 0, so y is still {vector(first['y'])}.",
        "     (The document multiplies by alpha alone. That agrees with alpha/r only",
        "      at its r = 1. And its A x B is a matrix product: A * B happens to give",
        "      the same numbers at r = 1, by broadcasting, and fails at r = 2.)",
    ]
    return "\n".join(lines) + "\n"


def three_ways(at):
    """dB and dA by hand, from backward, and their gap to finite differences; dA as a row."""
    lines = ["     gradient, by hand                    from backward      gap to differences"]
    for name, formula in {"dB": "s*u^T dy", "dA^T": "(s*x^T(dy B^T))^T"}.items():
        entry, transpose = at[name[:2]], name.endswith("T")
        for i, (hand, back) in enumerate(
            zip(*(entry[key].T if transpose else entry[key] for key in ("by_hand", "backward")))
        ):
            gap = f"{entry['gap_differences']:.0e}" if i == 0 else ""
            label = name if i == 0 else ""
            lines.append(f"     {label:<5}{vector(hand, 6):<32}{vector(back, 6):<31}{gap}".rstrip())
        lines.append(f"          = {formula}")
    return lines


def goal(n):
    first = n["steps"][0]
    lines = [
        f"3  Goal: t = {vector(n['target'])}, L = 1/2*|y-t|^2",
        f"     loss {fixed(first['loss'], 6)}    dy = y - t = {vector(first['dy'])}",
        *three_ways(n["at_init"]),
        "     B is 0, so dA is 0: at first only B can move."
        if np.abs(first["dB"]).max() > TINY
        else f"     B is 0, so dA is 0; and dB is 0 too: {still(n, first)}.",
        "   ? If A were 0 as well, what would dB be? The answer is at step 6.",
    ]
    return "\n".join(lines) + "\n"


def still(n, record):
    """Why nothing moves, where nothing does."""
    if np.abs(record["dy"]).max() < TINY:
        return "y is t already"
    if not n["scale"]:
        return "s is 0, and shuts the path"
    return "lr is 0" if not n["lr"] else "the step is too small"


def delta(n):
    second, s = n["steps"][1], n["scale"]
    A, B = second["A"], second["B"]
    lines = [
        f"4  After one step of gradient descent (lr {setting(n['lr'])})",
        *beside(beside(["     B ="], matrix(B), 1), ["and dW = A@B, entry by entry:"]),
    ]
    for i in range(3):
        cells = [
            " + ".join(f"({number(a)})({number(b)})" for a, b in zip(A[i], B[:, j]))
            + f" = {number(A[i] @ B[:, j], 6)}"
            for j in range(2)
        ]
        if n["rank"] == 1:
            cells = [f"{cells[0]:<31}{cells[1]}"]
        lines += ["       " + cell for cell in cells]
    new, dW = matrix(n["W"] + s * A @ B, 4, 7), matrix(A @ B, 4, 7)
    block = beside(beside(matrix(n["W"]), [f"+ {setting(s)} *"]), beside(dW, ["=  W'"]))
    lines += ["     W + s*dW = W'"] + ["       " + row for row in beside(block, new)]
    if np.abs(second["dA"]).max() > TINY:
        lines.append("     Now B is not 0, so A has a gradient too. A wrong scale or sign in dA")
        lines.append("     would have been invisible at the start. Checked again:")
    else:
        lines.append(f"     A still has no gradient: {still(n, second)}. Checked again:")
    return "\n".join(lines + three_ways(n["after_one_step"])) + "\n"


def descent_lines(n, shown=(0, 1, 2, 5, 10), indent="     "):
    largest, last = max(r["loss"] for r in n["steps"]), n["steps"][-1]["step"]
    for record in n["steps"]:
        if record["step"] in shown or record["step"] == last:
            y = "[" + " ".join(fixed(v, 4) for v in record["y"].ravel()) + "]"
            line = f"{indent}step {record['step']:2d}   y = {y}   loss {fixed(record['loss'], 6)}  "
            yield (line + bar(record["loss"], largest)).rstrip()


def descent(n):
    gap = np.abs(n["y_adapter"] - n["y_merged"]).max()
    changed = "unchanged" if n["W_unchanged"] else "CHANGED"
    last = n["steps"][-1]["step"]
    lines = ["5  Descent: only A and B move", *descent_lines(n)]
    lines += [f"     After step {last}:   W' = W + s*A@B ="]
    lines += ["       " + row for row in matrix(n["W_new"])]
    lines += [
        f"     y = x W'               = {vector(n['y_merged'], 6)}",
        f"     y = x W + s*(x A) B    = {vector(n['y_adapter'], 6)}    gap {gap:.0e}",
        f"     W's {n['W_bytes']} bytes: {changed}. {outcome(n)}",
    ]
    return "\n".join(lines + overshoot(n)) + "\n"


def outcome(n):
    """What the descent came to, from its losses; at most 50 characters."""
    start, first, last = n["steps"][0], n["steps"][0]["loss"], n["steps"][-1]["loss"]
    if n["overflow_step"]:
        return f"At step {n['overflow_step']} the loss overflows."
    if np.abs(start["dy"]).max() < TINY or np.isclose(last, first, 1e-6, 0):
        return f"Nothing moved: {still(n, start)}."
    if last < first / 100:
        return "LoRA learnt another answer without touching W."
    if last > first:
        return f"The loss grew {last / first:.3g}-fold."
    return f"The loss fell to {last / first:.2g} of the first."


def overshoot(n):
    """The first step in one number: it multiplies dy by 1 - lr*s^2*|u|^2, for only B moves."""
    factor = 1 - n["lr"] * n["scale"] ** 2 * float(np.square(n["at_init"]["u"]).sum())
    if factor >= -1:
        return []
    return [
        f"     The first step multiplied dy by 1 - lr*s^2*|u|^2 = {factor:.3g}: below -1 it",
        "     jumps over the goal, and lands further away than it was.",
    ]


def stuck(n):
    zero = n["both_zero"]
    lines = [
        "6  Answer to step 3: with A = 0 and B = 0",
        *beside(beside(["     dB = s*u^T dy ="], matrix(zero["dB"]), 1), ["since u = xA = 0"]),
        *beside(
            beside(["     dA^T = (s*x^T(dy B^T))^T ="], matrix(zero["dA"].T), 1), ["since B = 0"]
        ),
        f"     The loss stays at {fixed(zero['loss_last'], 6)} for ever. The document lets A and",
        '     B start "randomly or with zeros"; one of each works: A random, B zero.',
    ]
    return "\n".join(lines) + "\n"


def walls(n):
    wall, side, rank = n["rank_wall"], n["side_effect"], n["one_token_gradient_rank"]
    names = {"before": "before", "dense": "dense SGD", "lora": "LoRA"}
    moved = [f"{name} {vector(side[key], 4, 6)}" for key, name in names.items()]
    forgot = np.abs(side["lora"] - side["before"]).max() > 5e-5  # a digit of those printed
    one, two = wall["rank_1"], wall["rank_2"]
    lines = [
        "7  What a low rank cannot do, and what it does unasked",
        f"     One token's dense gradient x^T dy has rank {rank}:"
        + (" rank 1 was enough." if rank else " it asks for nothing."),
        "     Ask two tokens to move in two directions and it is not:",
        f"       rank 1   loss {one[0]:.6f} -> {one[-1]:.6f}    the floor is {wall['floor']:.6f}",
        f"       rank 2   loss {two[0]:.6f} -> {two[-1]:.6f}",
        f"     Token x2 = {vector(side['x2'])}, at a right angle to x, was never trained:",
        f"       {'  '.join(moved)}",
        "     Here A moves x2 too: a first sight of forgetting. It does not predict what"
        if forgot
        else "     Here A has not moved enough to move x2. It does not predict what",
        "     larger models do.",
    ]
    return "\n".join(lines) + "\n"


def nf4(n):
    q = n["nf4"]
    codes = " ".join(str(c) for c in q["codes"])
    packed = " ".join(f"{byte:02x}" for byte in q["packed"])
    first, last = q["steps"][0], q["steps"][-1]
    rows = beside(beside(matrix(q["rounded"], 5), [" error"]), matrix(q["error"], 5))
    lines = [
        "8  QLoRA: the same W in 4 bits (NF4), row by row",
        f"     weights  {vector(n['W'])}   largest size {number(q['absmax'][0])}",
        f"     codes    {codes}   in bytes {packed}",
        "     back to numbers:",
        *("       " + row for row in rows),
        f"     largest error {np.abs(q['error']).max():.5f};  y = {vector(q['y'], 5)}",
        f"     {q['bytes']} bytes (codes and one float32 scale) against float32's "
        f"{q['bytes_float32']}",
        f"     LoRA on top, {last['step']} steps: "
        f"loss {fixed(first['loss'], 6)} -> {fixed(last['loss'], 6)}.",
        f"     The codes after training: {'unchanged' if q['codes_unchanged'] else 'CHANGED'}.",
        "     Rounding changed the base before training could: QLoRA's W is another W.",
    ]
    return "\n".join(lines) + "\n"


def counts(n):
    small, large = n["counts"]
    lines = ["9  Was it worth it?"]
    for c in (small, large):
        shape = f"{c['shape'][0]} x {c['shape'][1]}"
        line = f"     {shape:<11} r {c['rank']}: {c['lora']:>6,} trained of {c['full']:>7,}"
        line += f" = {c['share']:.2%};  fewer while r < {number(c['break_even_rank'], 1)}"
        lines.append(line)
    saves = "saves next to nothing" if small["lora"] < small["full"] else "trains more than W has"
    lines.append(f"     At six numbers LoRA {saves}. It is made for large matrices.")
    lines.append(f"NEXT  {lesson() or command() + '   the same at a layer and at a model'}")
    return "\n".join(lines) + "\n"


def lesson():
    """The command that opens lesson 1 from here, or None where the lessons are not installed."""
    path = Path(__file__).parents[2] / "notebooks/student/01_worked_example.ipynb"
    there = path.exists()
    return command("lab", os.path.relpath(path), module="jupyter") if there else None
