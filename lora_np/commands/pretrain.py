"""python -m lora_np pretrain: train the base model, from random weights, on prose."""

from .. import pretrain
from ..tasks import text
from .common import make_directory, positive, prepare, show


def add(commands):
    parser = commands.add_parser(
        "pretrain",
        help="train the base model on prose (10 minutes or more)",
        description="Train the base model from random weights on the prose that comes with Python.",
    )
    parser.add_argument("--steps", type=positive, default=3000, help="default %(default)s")
    parser.add_argument("--lr", type=float, default=3e-3, help="default %(default)s")
    parser.add_argument("--resume", action="store_true", help="go on from --out's last state")
    return parser


def run(options):
    prepare()
    directory = make_directory(options.out or "base")
    state = directory / "state.safetensors"
    reading = text.prose()
    model, history = pretrain.pretrain(
        reading, steps=options.steps, lr=options.lr, seed=options.seed, state=state,
        resume=options.resume,
    )  # fmt: skip
    if history.interrupted:
        print(f"stopped after {len(history.losses)} steps; go on with --resume. State: {state}")
        return 130
    command = (
        f"python -m lora_np pretrain --seed {options.seed} --steps {options.steps} "
        f"--lr {options.lr:g}"
    )
    about = pretrain.save(model, history, reading, directory, command, options.seed)
    show(
        options,
        about,
        f"held-out loss {about['held_out_nats_per_byte']:.4f} nats a byte, after "
        f"{history.seconds:.0f} s of training\nwrote {directory}: config.json, "
        "model.safetensors (float16), training.json",
    )
