"""A step of LoRA on SmolLM2-135M beside torch + PEFT's, and tokens a second beside transformers'.

    python benchmarks/real_model.py --peers PYTHON [--threads 2] [--rounds 5]

PYTHON is an interpreter that has the `peers` and `llm` extras. Both sides run at once in processes
of their own and take turns, one step each, so that a busy machine slows both; the smallest time of
each counts. Peak memory is the process's largest resident size during the steps alone.
"""

import argparse
import json
import os
import subprocess
import sys
import time

QUESTION = "Tell me about the sea."
LETTERS = 48  # tokens that a conversation's answer is made of


def ours(path, kind, B, T):
    """A function that does one step, or answers once, and returns a number to compare."""
    import numpy as np

    from lora_np.checkpoint import load_llama
    from lora_np.generate import generate
    from lora_np.methods import LoRA, QLoRA
    from lora_np.objectives import cross_entropy
    from lora_np.optim import AdamW
    from lora_np.parallel import forward_backward
    from lora_np.tasks import next_token
    from lora_np.train import reuse_memory

    rng, model = np.random.default_rng(0), load_llama(path).freeze()
    tokens = np.random.default_rng(1).integers(0, 49152, (B, T + 1))
    if kind == "chat":
        reuse_memory()
        return lambda: int(generate(model, tokens[0], LETTERS)[-1])
    options = {"double_quant": True, "int8_embeddings": True} if kind == "qlora" else {}
    method = (QLoRA if kind == "qlora" else LoRA)(8, 16.0, ("q_proj", "v_proj"), **options)
    model = method.apply(model, rng)
    reuse_memory()
    batch, optimizer = next_token(tokens), AdamW(model.trainable_parameters(), lr=1e-4)
    threads = int(os.environ["OMP_NUM_THREADS"])

    def step():
        loss = forward_backward(model, batch, cross_entropy, threads=threads)
        optimizer.step()
        return loss

    return step


def theirs(path, kind, B, T):
    import numpy as np
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    folder, file = os.path.split(path)
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, dtype=torch.float32)
    tokens = torch.tensor(np.random.default_rng(1).integers(0, 49152, (B, T + 1)))
    if kind == "chat":
        model.eval()
        options = {"max_new_tokens": LETTERS, "min_new_tokens": LETTERS, "do_sample": False}
        return lambda: int(model.generate(tokens[:1], **options)[0, -1])
    config = LoraConfig(r=8, lora_alpha=16, target_modules=["q_proj", "v_proj"])
    model = get_peft_model(model, config).train()
    learn = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learn, lr=1e-4)

    def step():
        optimizer.zero_grad()
        logits = model(input_ids=tokens[:, :-1]).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
        loss.backward()
        optimizer.step()
        return float(loss)

    return step


def worker(side, path, kind, B, T):
    """Answer each line of input with one step's time, its result, and the peak so far."""
    import gc

    step = {"ours": ours, "theirs": theirs}[side](path, kind, int(B), int(T))
    gc.collect()
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # forget the peak that loading made
    for _ in sys.stdin:
        start = time.perf_counter()
        result = step()
        seconds = time.perf_counter() - start
        with open("/proc/self/status") as file:
            peak = next(int(line.split()[1]) / 1e3 for line in file if line.startswith("VmHWM"))
        print(json.dumps([seconds, result, peak]), flush=True)


def compare(sides, path, B, T, rounds, threads):
    """{name: (smallest seconds, first result, peak MB)} of {name: (python, side, kind)}."""
    environment = os.environ | {
        "OMP_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": str(threads),
    }
    workers = {
        name: subprocess.Popen(
            [python, __file__, "--worker", side, path, kind, str(B), str(T)], env=environment,
            text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )
        for name, (python, side, kind) in sides.items()
    }  # fmt: skip
    answers = {name: [] for name in sides}
    for _ in range(rounds + 1):
        for name, process in workers.items():
            process.stdin.write("\n")
            process.stdin.flush()
            answers[name].append(json.loads(process.stdout.readline()))
    for process in workers.values():
        process.stdin.close()
        process.wait()
    return {
        name: (min(a[0] for a in rows[1:]), rows[0][1], rows[-1][2])
        for name, rows in answers.items()
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", default=sys.executable, help="a Python with torch and PEFT")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--shapes", nargs="+", default=["4,64", "8,128"], metavar="B,T")
    parser.add_argument("--chat", action="store_true", help="compare generation only")
    options = parser.parse_args()
    from lora_np.checkpoint import smollm2_path

    path, here = str(smollm2_path()), sys.executable
    settings = [tuple(map(int, shape.split(","))) for shape in options.shapes]
    for B, T in [(1, 16)] if options.chat else settings:
        sides = (
            {"ours": (here, "ours", "chat"), "transformers": (options.peers, "theirs", "chat")}
            if options.chat
            else {
                "LoRA": (here, "ours", "lora"),
                "QLoRA": (here, "ours", "qlora"),
                "torch + PEFT, LoRA": (options.peers, "theirs", "lora"),
            }
        )
        results = compare(sides, path, B, T, options.rounds, options.threads)
        *_, last = results.values()
        print(f"batch {B}, {T} tokens, {options.threads} threads")
        for name, (seconds, result, peak) in results.items():
            print(f"  {name:<20}{1e3 * seconds:>9.0f} ms {seconds / last[0]:>6.2f}"
                  f"{peak:>9.0f} MB {peak / last[2]:>6.2f}   {result:.6g}")  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        worker(*sys.argv[2:])
    else:
        main()
