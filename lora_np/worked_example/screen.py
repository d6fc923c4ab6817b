"""The 3×2 example as text: one string a step, plain ASCII, at most 79 columns."""

import numpy as np


def vector(values, digits=4):
    """[0.43 -0.26]: a row of numbers without trailing zeros."""
    return "[" + " ".join(number(v, digits) for v in np.ravel(values)) + "]"


def number(value, digits=4):
    text = f"{float(value):.{digits}f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def matrix(values, digits=4):
    """The rows of a matrix, right-aligned, as a list of lines."""
    cells = [[number(v, digits) for v in row] for row in np.atleast_2d(values)]
    width = max(len(cell) for row in cells for cell in row)
    return ["  ".join(cell.rjust(width) for cell in row) for row in cells]


def beside(left, right, gap=3):
    """Two blocks of lines next to each other."""
    width = max(map(len, left)) + gap
    height = max(len(left), len(right))
    left, right = left + [""] * (height - len(left)), right + [""] * (height - len(right))
    return [f"{a:<{width}}{b}".rstrip() for a, b in zip(left, right)]


def bar(value, largest, width=20):
    return "#" * round(width * value / largest) if largest else ""


def signed_sum(terms, digits=4):
    """0.02 + 0.06 - 0.25"""
    first, *rest = [float(t) for t in terms]
    tail = "".join(f" {'-' if t < 0 else '+'} {number(abs(t), digits)}" for t in rest)
    return number(first, digits) + tail


def screens(n):
    """The nine steps for the numbers of `worked_example.run()`, as a list of strings."""
    return [
        forward(n), adapter(n), goal(n), delta(n), descent(n), stuck(n), walls(n), nf4(n),
        counts(n),
    ]  # fmt: skip


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
        f"2  LoRA: leave W alone, add a rank-{r} path      "
        f"s = alpha/r = {number(n['alpha'])}/{r} = {number(s)}",
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
        f"     loss {first['loss']:.6f}    dy = y - t = {vector(first['dy'])}",
        *three_ways(n["at_init"]),
        "     B is 0, so dA is 0: at first only B can move.",
        "   ? If A were 0 as well, what would dB be? The answer is at step 6.",
    ]
    return "\n".join(lines) + "\n"


def delta(n):
    second, s = n["steps"][1], n["scale"]
    A, B = second["A"], second["B"]
    lines = [
        f"4  After one step of gradient descent (lr {number(n['lr'])})",
        f"     B = {vector(B)}   and dW = A@B, entry by entry:",
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
    new = matrix(n["W"] + s * A @ B)
    block = beside(beside(matrix(n["W"]), [f"+ {number(s)} *"]), beside(matrix(A @ B), ["=  W'"]))
    lines += ["     W + s*dW = W'"] + ["       " + row for row in beside(block, new)]
    lines.append("     Now B is not 0, so A has a gradient too. A wrong scale or sign in dA")
    lines.append("     would have been invisible at the start. Checked again:")
    return "\n".join(lines + three_ways(n["after_one_step"])) + "\n"


def descent_lines(n, shown=(0, 1, 2, 5, 10), indent="     "):
    largest = max(r["loss"] for r in n["steps"])
    for record in n["steps"]:
        if record["step"] in shown:
            y = "[" + " ".join(f"{v:.4f}" for v in record["y"].ravel()) + "]"
            line = f"{indent}step {record['step']:2d}   y = {y}   loss {record['loss']:.6f}  "
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
        f"     W's {n['W_bytes']} bytes: {changed}. LoRA learnt another answer without touching W.",
    ]
    return "\n".join(lines) + "\n"


def stuck(n):
    zero = n["both_zero"]
    lines = [
        "6  Answer to step 3: with A = 0 and B = 0",
        f"     dB = s*u^T dy = {vector(zero['dB'])}, since u = xA = 0",
        f"     dA = s*x^T(dy B^T) = {vector(zero['dA'])}, since B = 0",
        f"     The loss stays at {zero['loss_last']:.6f} for ever. The document lets A and B start",
        '     "randomly or with zeros"; what works is one of each: A random, B zero.',
    ]
    return "\n".join(lines) + "\n"


def walls(n):
    wall, side = n["rank_wall"], n["side_effect"]
    one, two = wall["rank_1"], wall["rank_2"]
    lines = [
        "7  What a low rank cannot do, and what it does unasked",
        f"     One token's dense gradient x^T dy has rank {n['one_token_gradient_rank']}:"
        " rank 1 was enough.",
        "     Ask two tokens to move in two directions and it is not:",
        f"       rank 1   loss {one[0]:.6f} -> {one[-1]:.6f}    the floor is {wall['floor']:.6f}",
        f"       rank 2   loss {two[0]:.6f} -> {two[-1]:.6f}",
        f"     Token x2 = {vector(side['x2'])}, at a right angle to x, was never trained:",
        f"       before {vector(side['before'])}   dense SGD {vector(side['dense'])}   "
        f"LoRA {vector(side['lora'])}",
        "     Here A moves x2 too: a first sight of forgetting. It does not predict what",
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
        f"     LoRA on top, {last['step']} steps: loss {first['loss']:.6f} -> {last['loss']:.6f}.",
        f"     The codes after training: {'unchanged' if q['codes_unchanged'] else 'CHANGED'}.",
        "     Rounding changed the base before training could: QLoRA's W is another W.",
    ]
    return "\n".join(lines) + "\n"


def counts(n):
    small, large = n["counts"]
    lines = ["9  Was it worth it?"]
    for c in (small, large):
        shape = f"{c['shape'][0]} x {c['shape'][1]}"
        lines.append(
            f"     {shape:<11} r {c['rank']}: {c['lora']:>6,} trained of {c['full']:>7,}"
            f" = {c['share']:.2%};  fewer while r < {number(c['break_even_rank'], 1)}"
        )
    lines += [
        "     At six numbers LoRA saves next to nothing. It is made for large matrices.",
        "NEXT  jupyter lab notebooks/01_worked_example.ipynb",
    ]
    return "\n".join(lines) + "\n"
