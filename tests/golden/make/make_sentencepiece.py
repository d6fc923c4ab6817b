"""Write sentencepiece/: small vocabularies that SentencePiece trains, and how it cuts texts.

    PYTHONPATH=tests python tests/golden/make/make_sentencepiece.py [A tokenizer.model of your own]

needs sentencepiece and protobuf. It learns from Python's manual, as the base does. With a file of
your own it writes nothing, and prints how many of the manual's paragraphs are cut as they are here.
"""

import argparse
import io
import json
import tempfile
from pathlib import Path
from pydoc_data.topics import topics

import sentencepiece
from sentencepiece import sentencepiece_model_pb2 as schema

from golden.readers.golden_hf import GOLDEN

HERE, SPACE = GOLDEN / "sentencepiece", "\u2581"
LIKE_LLAMA = {  # what Llama 2's own file says of its training
    "model_type": "bpe", "byte_fallback": True, "split_digits": True, "vocab_size": 420,
    "normalization_rule_name": "identity", "remove_extra_whitespaces": False,
    "allow_whitespace_only_pieces": True, "character_coverage": 0.999,
}  # fmt: skip
CASES = {
    "like_llama": LIKE_LLAMA,
    "like_mistral_v3": LIKE_LLAMA | {"control_symbols": ["[INST]", "[/INST]"], "vocab_size": 400},
    "no_space_no_bytes": LIKE_LLAMA
    | {"add_dummy_prefix": False, "byte_fallback": False, "vocab_size": 150, "eos_id": -1},
}
TEXTS = [
    "", " ", "  ", "a", " a", "The cat sat on the mat.", "  two  spaces  ", "a\nb\t\tc\r\n",
    "def f(x):\n    return x + 1\n", "<s>", "</s> <unk> <0x0A>", "[INST] hi [/INST]", "x = 12345",
    "\u2581 \u2581a", "\u00e9t\u00e9 caf\u00e9", "\u65e5\u672c\u8a9e", "\U0001f600!", "\x00\x7f",
    "https://docs.python.org/3/library/stdtypes.html?x=1#y", "ISN'T", "__init__", "1e-10, 0xFF",
    "....", "e\u0301",
    *(n * " " + "x" for n in range(3, 40, 3)), *(n * "aab" for n in range(1, 9)),
]  # fmt: skip


def trained(settings):
    """The bytes of a tokenizer.model."""
    text, model = "\n".join(topics.values()), io.BytesIO()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "text"
        path.write_text(text[:120_000], encoding="utf-8")
        sentencepiece.SentencePieceTrainer.train(
            input=str(path), model_writer=model, num_threads=1, minloglevel=2, **settings
        )
    parsed = schema.ModelProto.FromString(model.getvalue())
    del parsed.trainer_spec.input[:]  # a path of the machine where it was made
    runs = {SPACE * n for n in range(2, 17)}  # as in Llama's: all of them, and of one score
    there = [piece for piece in parsed.pieces if piece.piece in runs]
    more = runs - {piece.piece for piece in there}
    long = [piece for piece in parsed.pieces if piece.type == 1 and len(piece.piece) > 2]
    for piece, run in zip(long[-len(more) :], sorted(more)):
        piece.piece = run
    for piece in parsed.pieces:
        piece.score = -1e9 if piece.piece in runs else piece.score
    return parsed.SerializeToString()


def make(name, settings):
    directory = HERE / name
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "tokenizer.model").write_bytes(trained(settings))
    theirs = sentencepiece.SentencePieceProcessor(str(directory / "tokenizer.model"))
    parsed = schema.ModelProto.FromString((directory / "tokenizer.model").read_bytes())
    cut = {
        text: theirs.encode(text) for text in [*TEXTS, *list(topics.values())[0].split("\n")[:12]]
    }
    return {
        "pieces": [[p.piece, p.score, p.type] for p in parsed.pieces],
        "prefix": parsed.normalizer_spec.add_dummy_prefix,
        "texts": [[text, ids, theirs.decode(ids)] for text, ids in cut.items()],
    }


def compare(path):
    from lora_np.checkpoint import load_tokenizer

    theirs = sentencepiece.SentencePieceProcessor(str(path))
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "tokenizer.model").write_bytes(path.read_bytes())
        ours = load_tokenizer(directory)
    texts = TEXTS + [part for topic in topics.values() for part in topic.split("\n\n")]
    cut = [(text, theirs.encode(text), ours.encode(text, False).tolist()) for text in texts]
    differ = [text for text, a, b in cut if a != b]
    back = [text for text, a, b in cut if theirs.decode(a) != ours.decode(b)]
    print(f"{path.name}: {len(texts):,} texts, {sum(len(a) for _, a, _ in cut):,} tokens; cut")
    print(f"otherwise {len(differ)} {differ[:3]}; read back otherwise {len(back)} {back[:3]}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file", nargs="?", type=Path, help="a tokenizer.model of your own")
    file = parser.parse_args().file
    if file:
        compare(file)
    else:
        made = {name: make(name, settings) for name, settings in CASES.items()}
        (HERE / "expected.json").write_text(json.dumps(made) + "\n")
