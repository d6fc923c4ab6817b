"""python -m lora_np sweep: fine-tune over ranks, learning rates, methods and seeds."""

import functools
import itertools
import pathlib

from ..recipes.finetune import finetune, usual_rate
from ..recipes.sweep import path_of, sweep
from ..system.process import prepare
from ..system.progress import announced
from .finetune import BY_NAME, method_of, settings_of
from .folders import made
from .options import (
    add_base,
    add_texts,
    again,
    digest_of,
    open_base,
    open_texts,
    positive,
    real,
    show,
)
from .out import any_folder

check_out = any_folder


def add(commands):
    parser = commands.add_parser(
        "sweep",
        help="fine-tune over ranks, rates, methods and seeds, on all cores or a cluster",
        description="Fine-tune the base once for each rank, learning rate, method and seed, and "
        "print means and standard deviations. Each run is kept in --out as it ends; the same "
        "command goes on from there.",
        epilog="A single job that outgrows NumPy leaves through PEFT's files: finetune --out DIR "
        "writes an adapter that PEFT loads on a GPU, and --adapter reads one trained there.",
    )
    option, several = parser.add_argument, {"nargs": "+", "metavar": "N"}
    layers = "layers to adapt, as c_attn or mlp.c_proj (default: all; IA3: c_attn)"
    dask = "a Dask scheduler, as tcp://host:8786; its workers need lora_np and the same files"
    option("--method", nargs="+", choices=BY_NAME, default=["lora"], help="default lora")
    option("--rank", type=positive, help="LoRA's r (8)", **several)
    option("--lr", type=real(), help="learning rates (each method's own)", **several)
    option("--seeds", type=positive, default=3, help="how many (default 3)")
    option("--targets", nargs="+", metavar="NAME", help=layers)
    add_texts(parser)
    add_base(parser)
    option("--steps", type=positive, default=300, help="default %(default)s")
    option("--batch-size", type=positive, default=16, help="default %(default)s")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--processes", type=positive, help="how many at once (default: all cores)")
    where.add_argument("--dask", metavar="ADDRESS", help=dask)
    return parser


def run(options):
    if not options.out:
        raise ValueError("sweep needs --out DIR: each run is kept there")
    options.cells = cells = cells_of(options)
    said = f"{len(cells)} runs; each is kept in {options.out} as it ends"
    with announced(said), made(options.out):
        if options.dask:
            with dask_client(options.dask) as client:
                results = sweep(cells, run_cell, options.out, client.get_executor(pure=False))
        else:
            results = sweep(cells, run_cell, options.out, processes=options.processes)
    for cell, result in zip(cells, results):
        check_result(result, path_of(cell, pathlib.Path(options.out)))
    runs = [{"cell": cell, "result": result} for cell, result in zip(cells, results)]
    show(options, runs, table(runs))


def kept(options):
    """What Ctrl-C left of a sweep, and how to go on."""
    cells = getattr(options, "cells", [])
    done = sum(path_of(cell, pathlib.Path(options.out)).exists() for cell in cells)
    words = (
        f"{done} of {len(cells)} runs are kept in {options.out}" if cells else "No run was begun"
    )
    return f"{words}; the same command goes on: {again(options)}"


def cells_of(options):
    """A cell for each combination; methods with no rank are there once, not once a rank."""
    if options.data == "-":
        raise ValueError("--data -: each process of a sweep reads its text from a file; name one")
    field = options.field and tuple(options.field)
    base, *_, digest = opened(options.base, options.data, options.form, field)
    common = {key: getattr(options, key) for key in ("data", "base", "steps", "batch_size")}
    common |= {key: v for key in ("form", "field") if (v := getattr(options, key))}
    has = {name: {"rank", "targets"} & settings_of(BY_NAME[name]) for name in options.method}
    for key in ("rank", "targets"):
        if getattr(options, key) and not any(key in keys for keys in has.values()):
            raise ValueError(f"--{key} is no setting of --method {' '.join(has)}; leave it out")
    cells = {}
    for name, rank in itertools.product(options.method, options.rank or [None]):
        method, given = BY_NAME[name], {"rank": rank, "targets": options.targets}
        how = {key: given[key] or getattr(method, key) for key in given if key in has[name]}
        for lr in options.lr or [usual_rate(method, base)]:
            for seed in range(options.seed, options.seed + options.seeds):
                cell = {"method": name, **how, "lr": lr, "seed": seed, **common, "digest": digest}
                cells[repr(cell)] = cell
    return list(cells.values())


def run_cell(cell):
    """Fine-tune as a cell says, on whatever machine this is; its numbers."""
    prepare()
    field = cell.get("field")  # a list: JSON has no tuples, and functools no lists
    base, reading, others, digest = opened(
        cell["base"], cell["data"], cell.get("form"), field and tuple(field)
    )
    if digest != cell["digest"]:
        raise ValueError(
            f"the base or the text {cell['data']!r} here is another than where the sweep began; "
            "`code` and `prose` come with Python: use the same version on every machine"
        )
    method = method_of(cell["method"], rank=cell.get("rank"), targets=cell.get("targets"))
    try:
        _, history, numbers = finetune(
            base, method, reading, others, lr=cell["lr"], steps=cell["steps"],
            batch_size=cell["batch_size"], seed=cell["seed"], progress=False,
        )  # fmt: skip
    except FloatingPointError as error:  # what a rate does is what a sweep is to show
        return {"diverged": str(error)}
    if history.interrupted:  # by Ctrl-C: half a run is no result
        raise KeyboardInterrupt
    return numbers


@functools.lru_cache(maxsize=1)
def opened(base, data, form=None, field=None):
    """(the base, the Text to read, the Texts to look back at, a digest of all their numbers)."""
    model, tokenizer = open_base(base)
    reading, others = open_texts(data, tokenizer, form, field)
    return model, reading, others, digest_of((reading, *others), model)


def check_result(result, path):
    """Raise ValueError unless the result in a file has what the table shows."""
    fine = isinstance(result, dict) and result.keys() >= {"base", "after", "trained"}
    if fine:
        base, after = result["base"], result["after"]
        fine = isinstance(base, dict) and isinstance(after, dict) and base.keys() == after.keys()
        fine = fine and all(type(n) is float for each in (base, after) for n in each.values())
        fine = fine and type(result["trained"]) is int
    if not fine and not (isinstance(result, dict) and result.keys() == {"diverged"}):
        raise ValueError(f"{path}: its result is not that of a fine-tuning; delete it to run again")


def dask_client(address):
    try:
        from distributed import Client
    except ImportError as error:
        raise ImportError(
            "--dask needs the library `distributed`, which is optional here; "
            'install it with: pip install "lora_np[cluster]"'
        ) from error
    return Client(address)


def table(runs):
    from ..course.experiments.common import spread  # with matplotlib, half a second

    rows = {}
    for each in runs:
        cell = each["cell"]
        rows.setdefault((cell["method"], cell.get("rank"), cell["lr"]), []).append(each["result"])
    done = [result for results in rows.values() for result in results if "after" in result]
    names = list(done[0]["after"]) if done else []
    head = f"{'method':8}{'rank':>5}{'lr':>9}{'seeds':>7}{'trained':>10}"
    lines = [head + "".join(f"{name[-17:]:>18}" for name in names)]
    for (method, rank, lr), results in rows.items():
        finished = [result for result in results if "after" in result]
        line = f"{method:8}{rank or '-':>5}{lr:>9.3g}{len(results):>7}"
        if finished:
            line += f"{finished[0]['trained']:>10,}"
            for name in names:
                after = [result["after"][name] for result in finished]
                line += f"{spread(after, 4):>18}"
        if len(finished) < len(results):
            line += f"   {len(results) - len(finished)} diverged"
        lines.append(line)
    if done:
        base = ", ".join(f"{name} {loss:.4f}" for name, loss in done[0]["base"].items())
        lines.append(f"Held-out loss in nats a token, mean ± standard deviation; the base: {base}.")
    return "\n".join(lines)
