"""Gaps to fill from Python's own manual: a sentence without its name, and where that name stands.

    Documents: three paragraphs that BM25 finds.  Question: When no exception is raised, the ____
    clause runs.  Answer: the sentence, quoted whole; or, where no paragraph holds it, none.

The paragraphs are the reference topics that every Python carries (`help("topics")`).
"""

import re
from dataclasses import dataclass

from ..held_out import hash_of
from ..retrieval import Store

NAME, GAP, NONE = re.compile(r'"([A-Za-z_][\w.]*)(?:\(\))?"'), "____", "none"
ASK = "Quote this sentence from the text above with its gap filled, or say none if it is not there:"
WORDS, LONGEST, SHORTEST = re.compile(r"\w+"), 60, 12


@dataclass(frozen=True)
class Gap:
    """A sentence with a gap, the name that belongs there, its paragraph's number, and the whole."""

    sentence: str
    name: str
    paragraph: int
    whole: str


class Manual:
    """The store of paragraphs, and the gaps in them: those of about a fifth of the topics held out.

    `topics` is {name: text}, by default Python's own.
    """

    def __init__(self, topics=None):
        if topics is None:
            from pydoc_data.topics import topics
        self.paragraphs, self.train, self.held_out = [], [], []
        for topic, text in topics.items():
            side = self.held_out if hash_of(topic) < 0.2 else self.train
            for paragraph in paragraphs(text):
                if paragraph not in self.paragraphs:
                    side += gaps(paragraph, len(self.paragraphs))
                    self.paragraphs.append(paragraph)
        self.store = Store([terms(paragraph) for paragraph in self.paragraphs])

    def question(self, gap, golden=True, n=3, rng=None):
        """(the question behind n paragraphs, the answer: the whole sentence); without, "none".

        BM25 ranks by the sentence. Without `golden` its paragraph is passed over, and so is every
        other that holds the name, were it all of them. `rng` puts the paragraphs in any order.
        """
        found = self.store.search(terms(gap.sentence), len(self.store))
        if not golden:
            found = [i for i in found if i != gap.paragraph and gap.name not in self.paragraphs[i]]
        found = [self.paragraphs[i] for i in found[:n]]
        if rng is not None:
            found = [found[i] for i in rng.permutation(len(found))]
        answer = gap.whole if golden else NONE
        return "\n\n".join([*found, f"{ASK} {gap.sentence}"]), answer


def paragraphs(text):
    """A topic's paragraphs of prose, on one line each: neither code nor grammar."""
    for paragraph in re.split(r"\n\s*\n", text):
        line = " ".join(paragraph.split())
        if SHORTEST <= len(line.split()) <= LONGEST and ">>>" not in line and "::=" not in line:
            yield line


def gaps(paragraph, place):
    """One gap for each sentence that has a name in quotes, which the sentence holds once."""
    for sentence in re.split(r'(?<=[.!?]) (?=[A-Z"])', paragraph):
        if 7 <= len(sentence.split()) <= 26 and sentence.endswith("."):
            for found in NAME.finditer(sentence):
                name = found[1]
                if len(re.findall(rf"\b{re.escape(name)}\b", sentence)) == 1:
                    yield Gap(sentence.replace(found[0], GAP), name, place, sentence)
                    break


def terms(text):
    """The words of a text as BM25 compares them."""
    return WORDS.findall(text.replace(GAP, " ").lower())


def says(written, answer):
    """Whether the answer is what was written, or stands in it as a word of its own."""
    if answer == NONE:
        return written.strip().lower().startswith(NONE)
    return re.search(rf"(?<![\w.]){re.escape(answer)}(?![\w]|\.\w)", written) is not None
