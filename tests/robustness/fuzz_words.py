"""Words and what is around them, as `fuzz_guided` fuzzes them: tokenizers, templates, a class."""

import json

from golden.readers.golden_hf import GOLDEN
from helpers.tokenizer_files import TEMPLATE, write_tokenizer
from lora_np.checkpoint import load_tokenizer
from lora_np.course import predictions
from lora_np.course.classroom import variants
from lora_np.tokenizers.jinja import render
from robustness import fuzz_states
from robustness.damage import change_json, change_template
from robustness.fuzz_kind import Kind, beside, file_of

MESSAGES = [{"role": "user", "content": "ab"}, {"role": "assistant", "content": "c<d>"}]


def use(tokenizer):
    tokenizer.decode(tokenizer.encode("ab 12 caf\u00e9 <|im_end|>"))


def change_pieces(data, rng):
    """A piece of a SentencePiece model, or a setting, that is none."""
    from sentencepiece import sentencepiece_model_pb2 as schema

    model = schema.ModelProto.FromString(data)
    i = rng.integers(len(model.pieces))
    piece, kind = model.pieces[i], rng.integers(7)
    if kind == 0:
        piece.score = [float("nan"), float("inf"), -3e38, 0][rng.integers(4)]
    elif kind == 1:
        piece.type = int(rng.integers(1, 7))
    elif kind == 2:
        piece.piece = ["", "a" * 999, "\u2581" * 99, "<0x41>", "\U0010ffff", "a\0"][rng.integers(6)]
    elif kind == 3:
        piece.piece = model.pieces[rng.integers(len(model.pieces))].piece
    elif kind == 4:
        del model.pieces[i:]
    elif kind == 5:
        name = ["bos_id", "eos_id", "unk_id", "pad_id"][rng.integers(4)]
        setattr(model.trainer_spec, name, int(rng.integers(-(2**31), 2**31)))
    else:
        name = ["add_dummy_prefix", "remove_extra_whitespaces"][rng.integers(2)]
        setattr(model.normalizer_spec, name, bool(rng.integers(2)))
    return model.SerializeToString()


TEMPLATES = [
    b"{% set n = namespace(s='', l=[]) %}{% for m in messages if m.role != 'x' %}{% set n.s = n.s"
    b" ~ m.content | trim | replace('a', 'bb') %}{% endfor %}{{ n.s }}",
    b"{% macro f(x, y=2) %}{{ x | tojson }}{% endmacro %}{{ f(messages) }}{{ messages | map("
    b"attribute='role') | join(',') }}",
    b"{% if messages[0]['role'] == 'system' %}{{ raise_exception('no') }}{% elif a is defined %}x"
    b"{% else %}{{ messages[1:] | length * 'ab' }}{{ 'a'.join(['x', 'y']).split('x')[-1] }}"
    b"{% endif %}{{ strftime_now('%Y') }}{{ range(3) | list | sort | batch(2) | list }}",
]


CLASS = 'name,number\nAmy,12\n\u00c4ra \u00d6z,A-7\n"Li, Bo",0009\n'.encode()
SHEET = b"# Own\n\n```python\nx = <<x>>\n```\n\nSay why: <<why>>\n---\n## 2\n"


def use_sheet(data):
    variants.sheet(data.decode(), "7", {"x": "1", "why": "2"})


def use_class(place):
    students = variants.class_list(place / "class.csv")
    for name in students:
        variants.whose(f"{name}/90_own.ipynb", {}, students)


def use_predictions(path):
    predictions.counts({"amy": predictions.kept(path)}, {})


def change_text(data, rng):
    """Words that mean something to one of the readers, where they do not belong."""
    words = [b",", b'"', b"\n", b"\r", b"\0", b";", b"..", b"/", b"\xef\xbb\xbf", b"\xff", b"name"]
    words += [b"<<", b">>", b"```python\n", b"```", b"---\n", b"9" * 5000, b'"' * 999, b"\xc3"]
    at, word = rng.integers(len(data) + 1), words[rng.integers(len(words))]
    return data[:at] + word + data[at + rng.integers(3) :]


def fine_rows(place):
    fuzz_states.load_rows(place, None)


def tokenizer_files(place):
    write_tokenizer(place, "<s> $A", TEMPLATE)


def tokenizers(file):
    def seeds(place):
        tokenizer_files(place)
        said = {"bos_token": "<s>", "eos_token": {"content": "</s>"}, "chat_template": TEMPLATE}
        said |= {"added_tokens_decoder": {"1": {"content": "<s>", "special": True}}}
        made = json.dumps(said | {"add_bos_token": True}).encode()
        return [made] if "config" in file else [(place / file).read_bytes()]

    return Kind(
        seeds, beside(lambda at: use(load_tokenizer(at)), file, tokenizer_files), change_json
    )


PIECES = sorted((GOLDEN / "sentencepiece").glob("*/tokenizer.model"))
ANSWERS = b'{"1.1": "a", "5b.12": "c"}'
CELLS = b'{"cells":[{"cell_type":"code","source":["predict(\\"1.1\\", \\"b\\")\\n"]}]}'

KINDS = {
    "tokenizer.model": Kind(
        file_of(*PIECES),
        beside(lambda at: use(load_tokenizer(at)), "tokenizer.model"),
        change_pieces,
    ),
    "tokenizer.json": tokenizers("tokenizer.json"),
    "tokenizer_config.json": tokenizers("tokenizer_config.json"),
    "template": Kind(
        lambda place: [TEMPLATE.encode(), *TEMPLATES],
        lambda place: lambda data: render(data.decode(), messages=MESSAGES, bos_token="<s>"),
        change_template,
    ),
    **{
        f"rows {kind}": Kind(
            lambda place, kind=kind: [fuzz_states.rows(kind, 3)],
            beside(fine_rows, "rows.jsonl"),
            fuzz_states.change_rows,
        )
        for kind in ("text", "pairs", "chat")
    },
    "class list": Kind(lambda place: [CLASS], beside(use_class, "class.csv"), change_text),
    "sheet": Kind(lambda place: [SHEET], lambda place: use_sheet, change_text),
    **{
        f"predictions in {name}": Kind(
            lambda place, seed=seed: [seed],
            beside(lambda place, name=name: use_predictions(place / name), name),
            change_json,
        )
        for name, seed in (("predictions.json", ANSWERS), ("01_it.ipynb", CELLS))
    },
}
