"""python -m lora_np sweep: fine-tune over ranks, learning rates, methods and seeds."""

import functools
import hashlib
import itertools
import pathlib

import numpy as np

from ..checkpoint import load_model
from ..finetune import RATES, WIDTH, finetune
from ..methods.common import ALL_LINEAR
from ..sweep import path_of, sweep
from ..tasks import text
from .common import add_base, open_text, positive, prepare, show
from .finetune import METHODS


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
    several = {"nargs": "+", "metavar": "N"}
    parser.add_argument("--method", nargs="+", choices=METHODS, default=["lora"],
                        help="default lora")  # fmt: skip
    parser.add_argument("--rank", type=positive, default=[8], help="LoRA's r (8)", **several)
    parser.add_argument("--lr", type=float, help="learning rates (each method's own)", **several)
    parser.add_argument("--seeds", type=positive, default=3, help="how many (default 3)")
    parser.add_argument("--targets", nargs="+", default=ALL_LINEAR, metavar="NAME",
                        help="layers to adapt, as c_attn or mlp.c_proj (default: all)")  # fmt: skip
    parser.add_argument("--data", default="code", metavar="code|prose|FILE", help="what to read")
    add_base(parser)
    parser.add_argument("--steps", type=positive, default=300, help="default %(default)s")
    parser.add_argument("--batch-size", type=positive, default=16, help="default %(default)s")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--processes", type=positive, help="how many at once (default: all cores)")
    where.add_argument("--dask", metavar="ADDRESS", help="a Dask scheduler, as tcp://host:8786; "
                       "its workers need lora_np and the same files")  # fmt: skip
    return parser


def run(options):
    if not options.out:
        raise ValueError("sweep needs --out DIR: each run is kept there")
    cells = cells_of(options)
    if options.dask:
        with dask_client(options.dask) as client:
            results = sweep(cells, run_cell, options.out, client.get_executor(pure=False))
    else:
        results = sweep(cells, run_cell, options.out, processes=options.processes)
    for cell, result in zip(cells, results):
        check_result(result, path_of(cell, pathlib.Path(options.out)))
    runs = [{"cell": cell, "result": result} for cell, result in zip(cells, results)]
    show(options, runs, table(runs))


def cells_of(options):
    """A cell for each combination; methods with no rank are there once, not once a rank."""
    base, *_, digest = opened(options.base, options.data)
    common = {
        "data": options.data, "base": options.base, "steps": options.steps,
        "batch_size": options.batch_size, "digest": digest,
    }  # fmt: skip
    cells = {}
    for name, rank in itertools.product(options.method, options.rank):
        low_rank = isinstance(METHODS[name], type)
        kind = METHODS[name] if low_rank else type(METHODS[name])
        how = {"rank": rank, "targets": options.targets} if low_rank else {}
        for lr in options.lr or [RATES[kind] * WIDTH / base.config.n_embd]:
            for seed in range(options.seed, options.seed + options.seeds):
                cell = {"method": name, **how, "lr": lr, "seed": seed, **common}
                cells[repr(cell)] = cell
    return list(cells.values())


def run_cell(cell):
    """Fine-tune as a cell says, on whatever machine this is; its numbers."""
    prepare()
    base, reading, kept, digest = opened(cell["base"], cell["data"])
    if digest != cell["digest"]:
        raise ValueError(
            f"the base or the text {cell['data']!r} here is another than where the sweep began; "
            "`code` and `prose` come with Python: use the same version on every machine"
        )
    method = METHODS[cell["method"]]
    if "rank" in cell:
        targets = cell["targets"]
        targets = targets if targets == ALL_LINEAR else tuple(targets)
        method = method(cell["rank"], 2.0 * cell["rank"], targets)
    try:
        _, history, numbers = finetune(
            base, method, reading, kept, lr=cell["lr"], steps=cell["steps"],
            batch_size=cell["batch_size"], seed=cell["seed"], progress=False,
        )  # fmt: skip
    except FloatingPointError as error:  # what a rate does is what a sweep is to show
        return {"diverged": str(error)}
    if history.interrupted:  # by Ctrl-C: half a run is no result
        raise KeyboardInterrupt
    return numbers


@functools.lru_cache(maxsize=1)
def opened(base, data):
    """(the base, the Text to read, the Texts to look back at, a digest of all their numbers)."""
    model, tokenizer = load_model(base)
    reading = open_text(data, tokenizer)
    kept = [] if data == "prose" else [text.prose(tokenizer)]
    digest = hashlib.sha256()
    for parameter in model.parameters():
        digest.update(parameter.data.tobytes())
    for each in (reading, *kept):
        digest.update(each.train.tobytes())
        digest.update(each.held_out.tobytes())
    return model, reading, kept, digest.hexdigest()[:16]


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
    """A row for each method, rank and rate: held-out losses, mean ± standard deviation."""
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
                line += f"{f'{np.mean(after):.4f} ± {np.std(after):.4f}':>18}"
        if len(finished) < len(results):
            line += f"   {len(results) - len(finished)} diverged"
        lines.append(line)
    if done:
        base = ", ".join(f"{name} {loss:.4f}" for name, loss in done[0]["base"].items())
        lines.append(f"Held-out loss in nats a token, mean ± standard deviation; the base: {base}.")
    return "\n".join(lines)
