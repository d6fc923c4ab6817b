"""Special tokens and chat templates in a model's files: what is read, and what is written.

In a directory, as transformers reads it: an id in generation_config.json counts before the same in
config.json, where both are stated; what the tokenizer does is in tokenizer_config.json, in older
ones in special_tokens_map.json; chat_template.jinja counts before a template in the settings.
"""

from dataclasses import replace
from pathlib import Path

from ..tokenizers.special_tokens import MARKS, OLD_MAP, SETTINGS, TEMPLATE, SpecialTokens
from .safetensors_io import read_json

GENERATION = "generation_config.json"
ADDS_BOS = ("Llama", "CodeLlama", "Gemma")  # tokenizer classes that begin a text unless told not to
GPT2_DEFAULT = 50256  # transformers writes it for any GPT-2 for which nobody chose a token
NO_PAD = -1  # conversions of the first Llama write it
TEMPLATE_LIMIT = 1 << 20  # bytes


def read_ids(directory, settings, size):
    """The SpecialTokens of which config.json's `settings` and generation_config.json give the ids.

    Raises: ValueError that names what is not an id of a vocabulary of `size` tokens.
    """
    directory = Path(directory)
    stated = [("config.json", settings)]
    if (directory / GENERATION).exists():
        stated.insert(0, (GENERATION, read_json(directory / GENERATION)))
    found = {}
    for place, names in stated:
        for mark in MARKS:
            value = names.get(f"{mark}_id")
            if settings.get("model_type") == "gpt2" and value == GPT2_DEFAULT >= size:
                continue
            if mark == "pad_token" and value == NO_PAD:
                continue
            if value is not None and f"{mark}_id" not in found:
                found[f"{mark}_id"] = _ids(value, mark, directory / place, size)
    return SpecialTokens(**found)


def ids_of_gguf(file, size):
    """The same of a GGUF file: its end of a turn (eot) ends generation as well."""
    found = {}
    for mark, names in (("bos", ["bos"]), ("eos", ["eos", "eot"]), ("pad", ["padding"])):
        names = [f"tokenizer.ggml.{name}_token_id" for name in names]
        values = [file.get(name, int) for name in names if name in file.fields]
        for name, value in zip(names, values):
            _check_id(value, name, file.path, size)
        if values:
            ids = tuple(dict.fromkeys(values))
            found[f"{mark}_token_id"] = ids if mark == "eos" else ids[0]
    return SpecialTokens(**found)


def _ids(value, mark, path, size):
    several = isinstance(value, list) and mark == "eos_token"
    for each in value if several else [value]:
        _check_id(each, f"{mark}_id", path, size)
    if mark != "eos_token":
        return value
    return tuple(dict.fromkeys(value)) if several else (value,)


def _check_id(value, name, path, size):
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < size:
        expected = f"expected {name} to be a token from 0 to {size - 1}"
        raise ValueError(f"{path}: {expected}, got {str(value)[:40]}")


def read_tokenizer_settings(directory):
    """(tokenizer_config.json as it is, the SpecialTokens that the tokenizer's files state)."""
    directory = Path(directory)
    path = directory / SETTINGS
    settings = read_json(path) if path.exists() else {}
    older = directory / OLD_MAP
    strings = settings
    if older.exists() and "added_tokens_decoder" not in settings:
        strings = settings | read_json(older)
    tokens = {name: _string(strings, name, path) for name in (*MARKS, "unk_token")}
    flags = {name: _flag(settings, name, path) for name in ("add_bos_token", "add_eos_token")}
    kind = str(settings.get("tokenizer_class")).removesuffix("Fast").removesuffix("Tokenizer")
    if flags["add_bos_token"] is None and kind in ADDS_BOS and tokens["bos_token"] is not None:
        flags["add_bos_token"] = True
    templates = _templates(settings.get("chat_template"), path)
    if (directory / TEMPLATE).exists():
        templates["default"] = read_template(directory / TEMPLATE)
    return settings, SpecialTokens(**tokens, **flags, chat_templates=tuple(templates.items()))


def settings_of_gguf(file):
    """The same of a GGUF file, whose templates have names behind `tokenizer.chat_template`.

    Llama's vocabularies begin each text unless told not to.
    """
    flags, begins = {}, "tokenizer.ggml.bos_token_id" in file.fields
    begins = begins and (
        file.get("tokenizer.ggml.model", str, "") == "llama"
        or file.get("tokenizer.ggml.pre", str, "") == "llama-bpe"
    )
    for name in ("add_bos_token", "add_eos_token"):
        key = f"tokenizer.ggml.{name}"
        flags[name] = file.get(key, bool) if key in file.fields else None
    if flags["add_bos_token"] is None and begins:
        flags["add_bos_token"] = True
    plain, named = "tokenizer.chat_template", "tokenizer.chat_template."
    keys = [key for key in file.fields if key == plain or key.startswith(named)]
    names = [key.removeprefix(named) if key != plain else "default" for key in keys]
    templates = zip(names, (file.get(key, str) for key in keys))
    return SpecialTokens(**flags, chat_templates=tuple(templates))


def _string(settings, name, path):
    """A token's string: it stands there alone, or as an object with what else is known of it."""
    value = settings.get(name)
    value = value.get("content") if isinstance(value, dict) else value
    if value is not None and not isinstance(value, str) or settings.get(name) and value is None:
        raise ValueError(f"{path}: expected {name} to be a string, got {settings[name]!r}")
    return value or None


def _flag(settings, name, path):
    value = settings.get(name)
    if not (value is None or isinstance(value, bool)):
        raise ValueError(f"{path}: expected {name} to be true or false, got {value!r}")
    return value


def _templates(value, path):
    """{name: template} of one template, or of a list of named ones."""
    value = [] if value is None else value
    value = [{"name": "default", "template": value}] if isinstance(value, str) else value
    whole = isinstance(value, list) and all(isinstance(each, dict) for each in value)
    pairs = [(each.get("name"), each.get("template")) for each in value] if whole else [(0, 0)]
    if not all(isinstance(part, str) for pair in pairs for part in pair):
        expected = "a string, or a list of objects with a name and a template"
        raise ValueError(f"{path}: expected chat_template to be {expected}")
    return dict(pairs)


def read_template(path):
    """A template's file as text. Raises: ValueError if it is too large, or no UTF-8."""
    if not path.is_file() or path.stat().st_size > TEMPLATE_LIMIT:
        raise ValueError(f"{path}: expected a file of at most {TEMPLATE_LIMIT} bytes")
    try:
        return path.read_bytes().decode("utf-8-sig")  # a byte order mark is none of its text
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected UTF-8 text ({error})") from None


def resolved(stated, ids, rules, where):
    """`stated` of a tokenizer and `ids` of its model as one: each mark by its string and its id.

    A model's own ids count for generation; the tokenizer's string says which one is its own.
    Raises: ValueError for a string that the vocabulary of `rules` does not have.
    """
    both = {}
    for mark in MARKS:
        string, known = getattr(stated, mark), getattr(ids, f"{mark}_id")
        token = None if string is None else rules.token_to_id(string)
        if string is not None and token is None:
            raise ValueError(f"{where}: {mark} {string!r} is not in the vocabulary")
        if known in (None, ()) and token is not None:
            known = (token,) if mark == "eos_token" else token
        if string is None and known not in (None, ()):
            string = rules.id_to_token(known[0] if mark == "eos_token" else known)
        both |= {mark: string, f"{mark}_id": known}
    return replace(stated, **both)
