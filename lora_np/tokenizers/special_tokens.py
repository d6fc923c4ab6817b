"""The tokens that no text spells: what begins it, ends it, fills it up, and the form of a chat.

All of it is stated by a model's own files (`checkpoint.special_tokens` reads them), under the
names that transformers has for it.
"""

from dataclasses import dataclass, fields
from typing import Any

# What vocabularies call the end of a text where a conversation's turns end otherwise (GPT-2's
# name, which Qwen, SmolLM and Phi keep, and Llama 3's).
END_OF_TEXT = "<|endoftext|>", "<|end_of_text|>"
SETTINGS = "tokenizer_config.json"
OLD_MAP, TEMPLATE = "special_tokens_map.json", "chat_template.jinja"
MARKS = "bos_token", "eos_token", "pad_token"


@dataclass(frozen=True)
class SpecialTokens:
    """What a model's files state about its special tokens; None or () where they say nothing.

    `eos_token_id` are all ids on which generation stops; `eos_token` is the tokenizer's one.
    `add_bos_token` and `add_eos_token` say what is put around an encoded text. `chat_templates`
    are (name, Jinja template); the one called "default" is used.
    """

    bos_token_id: int | None = None
    eos_token_id: tuple[int, ...] = ()
    pad_token_id: int | None = None
    bos_token: str | None = None
    eos_token: str | None = None
    pad_token: str | None = None
    unk_token: str | None = None
    add_bos_token: bool | None = None
    add_eos_token: bool | None = None
    chat_templates: tuple[tuple[str, str], ...] = ()

    @property
    def chat_template(self) -> str | None:
        return dict(self.chat_templates).get("default")

    def variables(self) -> dict[str, str]:
        """The strings under which a chat template has them."""
        strings = {name: getattr(self, name) for name in (*MARKS, "unk_token")}
        return {name: string for name, string in strings.items() if string is not None}

    def ids(self) -> dict[str, int | list[int] | None]:
        """As config.json and generation_config.json have them: one end alone, or a list."""
        eos = list(self.eos_token_id)
        ids = {"bos_token_id": self.bos_token_id, "eos_token_id": eos[0] if len(eos) == 1 else eos}
        ids["eos_token_id"] = ids["eos_token_id"] if eos else None
        return ids | ({} if self.pad_token_id is None else {"pad_token_id": self.pad_token_id})


def tokenizer_settings(tokens, settings):
    """What tokenizer_config.json says: `settings`, as they were read, and all of `tokens`."""
    names = {field.name for field in fields(tokens)} - {"chat_templates"}
    stated = {name: getattr(tokens, name) for name in sorted(names) if not name.endswith("_id")}
    templates = [{"name": name, "template": text} for name, text in tokens.chat_templates]
    alone = [name for name, _ in tokens.chat_templates] == ["default"]
    stated["chat_template"] = templates[0]["template"] if alone else templates
    stated = {name: value for name, value in stated.items() if value not in (None, [])}
    return {"tokenizer_class": "PreTrainedTokenizerFast"} | settings | stated


def stop_tokens(tokenizer: Any) -> tuple[int, ...]:
    """Where the files say that generation stops, and the end of a document."""
    end = () if tokenizer.end is None else (tokenizer.end,)
    return tuple(dict.fromkeys(tokenizer.special_tokens.eos_token_id + end))


def without_end(tokenizer: Any, tokens: Any) -> Any:
    """A text's tokens without the end that the files put behind each: that of a document, or of a
    turn, where a model has two."""
    mark = tokenizer.special_tokens.eos_token
    ends = tokenizer.end, None if mark is None else tokenizer.special(mark)
    return tokens[:-1] if len(tokens) and tokens[-1] in ends else tokens


def prompt_tokens(tokenizer: Any, text: str) -> list[int]:
    """A text to go on from: behind what the files put before each, with no end behind it.

    An empty one is the end of the document before it; [] where there is no such token.
    """
    tokens = without_end(tokenizer, tokenizer.encode(text, True).tolist())
    return tokens or ([] if tokenizer.end is None else [tokenizer.end])
