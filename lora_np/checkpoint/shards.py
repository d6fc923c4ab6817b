"""A model in several files, as transformers writes one that is large: shards, and their index."""

import re

UNIT = re.compile(r"(\d{1,15}(?:\.\d{1,9})?) *([KMGT]?)(I?)B", re.IGNORECASE)
DIGITS = re.compile(r"\d{1,15}")


def shard_size(said):
    """Bytes: a whole number of them, also in digits, or such as "2GB" (10⁹ each) and "2GiB" (2³⁰);
    None: no limit.

    Raises: ValueError for anything else, or less than one.
    """
    size = said
    if isinstance(said, str) and DIGITS.fullmatch(said.strip()):  # as a command line gives it
        size = int(said)
    elif isinstance(said, str) and (found := UNIT.fullmatch(said.strip())):
        number, unit, binary = found.groups()
        power = " KMGT".index(unit.upper() or " ")
        size = int(float(number) * (1024 if binary else 1000) ** power)
    if size is not None and (type(size) is not int or size < 1):
        expected = "expected max_shard_size None, bytes from 1, or as '2GB' with a unit"
        raise ValueError(f"{expected} (KB, MB, GB, TB, or KiB …), got {said!r}")
    return size


def in_files(arrays, limit, whole):
    """{file: {name: array}}: all in the file `whole`, or in shards of at most `limit` bytes, in
    the arrays' order; an array that is larger has a shard of its own."""
    shards, size = [{}], 0
    for name, array in arrays.items():
        if limit is not None and size and size + array.nbytes > limit:
            shards.append({})
            size = 0
        shards[-1][name] = array
        size += array.nbytes
    if len(shards) == 1:
        return {whole: arrays}
    stem, end = whole.rsplit(".", 1)
    return {f"{stem}-{i + 1:05}-of-{len(shards):05}.{end}": x for i, x in enumerate(shards)}


def index_of(files):
    """What model.safetensors.index.json says of these files."""
    size = sum(array.nbytes for arrays in files.values() for array in arrays.values())
    places = {name: file for file, arrays in files.items() for name in arrays}
    return {"metadata": {"total_size": size}, "weight_map": places}
