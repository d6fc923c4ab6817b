"""A step of LoRA on SmolLM2-135M beside torch + PEFT's, and tokens a second beside transformers'.

    python benchmarks/peers/real_model.py step --peers PYTHON [--batch 4 --tokens 64] [--rounds 5]
    python benchmarks/peers/real_model.py chat --peers PYTHON [--llama PYTHON]     tokens a second
    python benchmarks/peers/real_model.py logits --peers PYTHON      the largest difference

PYTHON is an interpreter that has the `peers` and `llm` extras. Both sides run at once in processes
of their own and take turns, one step each, so that a busy machine slows both; the smallest time of
each counts, and the medians are kept beside it. Peak memory is the process's largest resident size
during the steps alone. `--llama`, an interpreter that has llama-cpp-python (which needs a C++
compiler), sets the field's fastest beside them: it multiplies the file's 4-bit numbers as they are,
where we and transformers multiply in float32. With `--json FILE` the figures are added to what the
file holds.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

QUESTION = "Tell me about the sea."
LETTERS = 48  # tokens that a conversation's answer is made of


def ours(path, kind, B, T):
    """A function that does one step, or answers once, and returns a number to compare."""
    import numpy as np

    from lora_np.checkpoint import load_llama
    from lora_np.generation import generate
    from lora_np.methods import LoRA, QLoRA
    from lora_np.objectives import cross_entropy
    from lora_np.system.process import reuse_memory
    from lora_np.tasks import next_token
    from lora_np.train import AdamW
    from lora_np.train.step import forward_backward

    rng, model = np.random.default_rng(0), load_llama(path, nf4=kind == "qlora").freeze()
    tokens = np.random.default_rng(1).integers(0, 49152, (B, T + 1))
    if kind == "chat":
        reuse_memory()
        return lambda: int(generate(model, tokens[0], LETTERS, stop=())[-1])
    if kind == "logits":
        return lambda: model(tokens).tolist()
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
    if kind == "logits":
        return lambda: model(tokens).logits.tolist()
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


def llama(path, kind, B, T):
    import itertools

    import numpy as np
    from llama_cpp import Llama

    threads = int(os.environ["OMP_NUM_THREADS"])
    model = Llama(path, n_ctx=256, n_threads=threads, n_threads_batch=threads, verbose=False)
    tokens = np.random.default_rng(1).integers(0, 49152, (B, T + 1))[0].tolist()

    def answer():
        model.reset()
        return [*itertools.islice(model.generate(tokens, temp=0.0), LETTERS)][-1]

    return answer


def worker(side, path, kind, B, T):
    """Answer each line of input with one step's time, its result, and the peak so far."""
    import gc

    step = {"ours": ours, "theirs": theirs, "llama": llama}[side](path, kind, int(B), int(T))
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
    """{name: [a (seconds, result, peak MB) for each round]}; sides is {name: (python, side, kind)}.

    The first round warms up, and is not among them.
    """
    environment = os.environ | {
        "OMP_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": str(threads),
    }
    workers = {
        name: subprocess.Popen(
            [python, __file__, "--worker", side, path, kind, str(B), str(T)],
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        for name, (python, side, kind) in sides.items()
    }
    answers = {name: [] for name in sides}
    for _ in range(rounds + 1):
        for name, process in workers.items():
            process.stdin.write("\n")
            process.stdin.flush()
            answers[name].append(json.loads(process.stdout.readline()))
    for process in workers.values():
        process.stdin.close()
        process.wait()
    return {name: rows[1:] for name, rows in answers.items()}


def summary(rows):
    seconds = [row[0] for row in rows]
    return {
        "ms": 1e3 * min(seconds),
        "median_ms": 1e3 * statistics.median(seconds),
        "peak_mb": rows[-1][2],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["step", "chat", "logits"])
    parser.add_argument("--peers", default=sys.executable, help="a Python with torch and PEFT")
    parser.add_argument("--llama", metavar="PYTHON", help="one with llama-cpp-python, for `chat`")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--only", nargs="+", help="some of the sides: lora, qlora, peft")
    parser.add_argument("--json", metavar="FILE", type=pathlib.Path)
    options = parser.parse_args()
    from lora_np.checkpoint import smollm2_path

    path, here, B, T = str(smollm2_path()), sys.executable, options.batch, options.tokens
    if options.what == "step":
        sides = {
            "lora": (here, "ours", "lora"),
            "qlora": (here, "ours", "qlora"),
            "peft": (options.peers, "theirs", "lora"),
        }
        sides = {name: side for name, side in sides.items() if name in (options.only or sides)}
        name = f"step, batch {B}, {T} tokens"
    else:
        B, T = 1, 16
        sides = {
            "ours": (here, "ours", options.what),
            "transformers": (options.peers, "theirs", options.what),
        }
        if options.llama and options.what == "chat":
            sides["llama.cpp"] = options.llama, "llama", "chat"
        name = options.what
    rows = compare(sides, path, B, T, 1 if name == "logits" else options.rounds, options.threads)
    if name == "logits":
        ours, theirs = (rows[side][0][1] for side in sides)
        flat = [(a, b) for x, y in zip(ours, theirs) for p, q in zip(x, y) for a, b in zip(p, q)]
        largest = max(abs(b) for _, b in flat)
        figures = {"relative_difference": max(abs(a - b) for a, b in flat) / largest}
    else:
        figures = {side: summary(measured) for side, measured in rows.items()}
        if name == "chat":
            for side in figures.values():
                side["tokens_a_second"] = 1e3 * LETTERS / side["ms"]
    figures["threads"] = options.threads
    print(json.dumps({name: figures}, indent=1))
    if options.json:
        kept = json.loads(options.json.read_text()) if options.json.exists() else {}
        options.json.write_text(json.dumps(kept | {name: figures}, indent=1) + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        worker(*sys.argv[2:])
    else:
        main()
