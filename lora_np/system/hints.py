"""What an error or a result says to do next: the name that was meant, the command to type."""

import re
import shlex
import shutil
import sys
from collections import Counter
from difflib import get_close_matches
from pathlib import Path


def did_you_mean(word, names, near=0.6):
    """What may have been meant, as "; did you mean 'lora'?", or nothing if no name is `near`."""
    lower, word = {name.lower(): name for name in names}, str(word).lower()
    found = get_close_matches(word, lower, 3, near)
    found.sort(key=lambda name: sorted(name) != sorted(word))  # "lroa": lora, as near as road is
    return f"; did you mean {lower[found[0]]!r}?" if found else ""


def kind_of(name):
    """What stands behind the last number of a dotted name: "attn.c_attn" of "h.0.attn.c_attn"."""
    return re.sub(r"^.*\.\d+\.", "", name)


def counted(names, most=12):
    """Dotted names in short: what stands behind a number, and how often, as "attn.c_attn (4)"."""
    kinds = Counter(map(kind_of, names))
    short = [f"{kind} ({count})" for kind, count in kinds.most_common(most)]
    return ", ".join(short) + (f" and {len(kinds) - most} more" if len(kinds) > most else "")


def program(module="lora_np"):
    """How this program is begun: as it was, and so that it can be typed where one is now."""
    if module == "lora_np" and Path(sys.argv[0]).stem == "lora-np":
        return "lora-np"
    return f"{shlex.quote(python())} -m {module}"


def python():
    """This Python's name: "python" or "python3" where that means this one, or its path from here.

    A path from elsewhere would fill a line: then it is "python", of whatever environment is active.
    """
    for name in ("python", "python3"):
        if (found := shutil.which(name)) and Path(found) == Path(sys.executable):
            return name
    executable, here = Path(sys.executable), Path.cwd()
    return str(executable.relative_to(here)) if executable.is_relative_to(here) else "python"


def command(*words, module="lora_np"):
    """What to type for a command of this package, quoted where a shell needs it."""
    return " ".join([program(module), shlex.join(map(str, words))]).strip()
