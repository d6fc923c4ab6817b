"""python -m lora_np pretrain: train the base model, from random weights, on prose."""

from ..recipes import pretrain
from ..system.process import prepare
from ..system.progress import announced
from ..tasks import text
from .finetune import kept
from .folders import STATE, run_directory
from .options import positive, real, show
from .out import any_folder

check_out = any_folder


def add(commands):
    parser = commands.add_parser(
        "pretrain",
        help="train the base model on prose (10 minutes or more)",
        description="Train the base model from random weights on the prose that comes with Python.",
    )
    parser.add_argument("--steps", type=positive, default=3000, help="default %(default)s")
    parser.add_argument("--lr", type=real(), default=3e-3, help="default %(default)s")
    parser.add_argument("--resume", action="store_true", help="go on from --out's last state")
    return parser


def run(options):
    prepare()
    options.out = options.out or "base"
    with run_directory(options.out, options.resume, options.steps) as directory:
        return trained(options, directory)


def trained(options, directory):
    state = directory / STATE
    reading = text.prose()
    with announced(f"pre-training, {options.steps} steps"):
        model, history = pretrain.pretrain(
            reading, steps=options.steps, lr=options.lr, seed=options.seed, state=state,
            resume=options.resume,
        )  # fmt: skip
    if history.interrupted:
        print(f"Interrupted after {len(history.losses)} of {options.steps} steps. {kept(options)}")
        return 130
    command = f"python -m lora_np pretrain --seed {options.seed} --steps {options.steps} "
    command += f"--lr {options.lr:g}"
    about = pretrain.save(model, history, reading, directory, command, options.seed)
    loss = about["held_out_nats_per_byte"]
    screen = f"held-out loss {loss:.4f} nats a byte, after {history.seconds:.0f} s of training\n"
    screen += f"wrote {directory}: config.json, model.safetensors (float16), training.json"
    show(options, about, screen)
