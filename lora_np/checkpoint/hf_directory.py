"""A model's directory in Hugging Face's form: its settings, and which files its weights are in."""

from pathlib import Path

import numpy as np

from ..system.checks import said_of
from ..tokenizers.special_tokens import SpecialTokens
from .safetensors_io import listed, number, read_json, write_directory
from .shards import in_files, index_of, shard_size
from .special_tokens import GENERATION

CONFIG, WEIGHTS, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
TIED = "tie_word_embeddings"
ANY = ()  # for a nested setting that changes nothing here, or is read elsewhere


def check_settings(settings, path, kind, must_be, defaults):
    """(the settings as `kind`, a dataclass; whether the head is tied).

    `must_be` holds each setting's values that are possible here, the first one what it is where a
    file leaves it out, or of a setting that holds others the same for each of those; `defaults`
    the sizes, in the dataclass's names.
    Raises: ValueError that lists every setting that this model does not have.
    """
    wrong = disagreements({"model_type": None} | settings, must_be)
    if wrong:
        raise ValueError(f"{path}: not a model that this library computes: {'; '.join(wrong)}")
    sizes = {
        name: None
        if default is None and settings.get(name) is None
        else number(settings, name, default, path)
        for name, default in defaults.items()
    }
    with said_of(path):
        return kind(**sizes), settings.get(TIED, must_be[TIED][0])


def disagreements(settings, must_be, within=""):
    """What `must_be` does not allow, in words.

    A name that it does not have is left alone at the top, where much is said that changes nothing,
    and refused in a nested setting: there it says how something is computed.
    """
    wrong = []
    if within:
        unknown = [name for name in settings if name not in must_be and settings[name] is not None]
        wrong = [f"{within}{name} {settings[name]!r} (unknown)" for name in unknown]
    for name, values in must_be.items():
        found = settings.get(name)
        if not isinstance(values, dict):
            if values and settings.get(name, values[0]) not in values:
                expected = " or ".join(map(repr, values))
                wrong.append(f"{within}{name} {found!r} (expected {expected})")
        elif isinstance(found, dict):
            wrong += disagreements(found, values, f"{within}{name}.")
        elif found is not None:
            wrong.append(f"{within}{name} {found!r} (expected an object)")
    return wrong


def one_table(stored, tied, table, head):
    """`stored`, where a tied table that is there as the head alone is found as the embedding."""
    if tied and head in stored and table not in stored:
        return {table if name == head else name: tensor for name, tensor in stored.items()}
    return stored


def has_own_head(stored, tied, table, head):
    """Whether the head is another table than the embedding's: where the settings do not tie them,
    and, as in transformers, where they do and the file holds a head of other numbers."""
    if not tied or head not in stored:
        return not tied
    count, width = stored[table].shape
    step = max(1, 2**20 // width)  # rows at a time, 8 MB of each
    parts = (slice(i, i + step) for i in range(0, count, step))
    both = [stored[name].read for name in (table, head)]
    return not all(np.array_equal(*(read(np.float64, p) for read in both)) for p in parts)


def write_model(
    directory, model, arrays, sizes, must_be, architecture, limit, tokenizer, **settings
):
    """Write a model's directory: its sizes, the settings and the arrays, {name: array}, in shards
    of at most `limit` (`shard_size`); and the tokenizer's files, unless it is None."""
    files = in_files(arrays, shard_size(limit), WEIGHTS)
    fixed = {name: v[0] for name, v in must_be.items() if isinstance(v, tuple) and v[0] is not None}
    ids = (model.special_tokens or SpecialTokens()).ids()
    settings = settings | ids | {"architectures": [architecture]}
    generation = {GENERATION: ids} if any(id is not None for id in ids.values()) else {}
    settings = {CONFIG: fixed | sizes | settings, **generation}
    settings |= {INDEX: index_of(files)} if len(files) > 1 else {}
    texts, older = ({}, ()) if tokenizer is None else (tokenizer.files(), tokenizer.older)
    shards = {path.name for path in Path(directory).glob("model-?????-of-?????.safetensors")}
    others = {INDEX, GENERATION, WEIGHTS, *older} | shards
    others = sorted(others - settings.keys() - files.keys())
    write_directory(directory, files, settings, texts, in_place_of=others)


def weight_files(directory):
    """The one file of weights, or the shards that the index names, each a plain file name."""
    if not (directory / INDEX).is_file():
        if not (directory / WEIGHTS).is_file():
            found = listed(sorted(p.name for p in directory.iterdir()))
            raise ValueError(
                f"no {WEIGHTS} in {directory}: it holds {found}; pickled files (.bin) are not read"
            )
        return [directory / WEIGHTS]
    shards = set(weight_map(directory).values())
    for shard in shards:
        plain = shard not in ("", ".", "..") and not set(shard) & set("/\\:\0")
        if not (plain and shard.endswith(".safetensors")):
            raise ValueError(
                f"{directory / INDEX}: expected plain names of .safetensors files, got {shard!r}"
            )
    return [directory / shard for shard in sorted(shards)]


def weight_map(directory):
    """{tensor: shard} of a sharded model's index."""
    names = read_json(directory / INDEX).get("weight_map")
    if not isinstance(names, dict) or not all(isinstance(shard, str) for shard in names.values()):
        raise ValueError(f"{directory / INDEX}: expected a weight_map of names to file names")
    return names


def check_index(directory, stored):
    """Raise ValueError unless each tensor is in the shard that the index gives for it."""
    if not (directory / INDEX).is_file():
        return
    found = {name: tensor.path.name for name, tensor in stored.items()}
    differ = found.items() ^ weight_map(directory).items()
    if differ:
        names = listed(sorted({name for name, _ in differ}))
        raise ValueError(f"{directory / INDEX}: the shards hold otherwise than it says: {names}")
