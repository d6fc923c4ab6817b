"""What `doctor` can find: for each code how bad it is, why it matters, and what to do."""

from dataclasses import dataclass

WRONG, DOUBTFUL, NOTE = "wrong", "doubtful", "note"  # a note is nothing to mend

ADVICE = {  # code: (level, why it matters, what to do)
    "not-finite": (
        WRONG,
        "every output that passes there is NaN; training diverged, or float16 overflowed",
        "go back to a checkpoint before the loss became NaN; lower the learning rate, clip "
        "gradients, or train in float32 or bfloat16",
    ),
    "half-a-pair": (
        WRONG,
        "a loader that passes over missing keys leaves the other factor at its start, and the "
        "layer computes something that was never trained",
        "save the adapter again from the model that trained it, and compare the names",
    ),
    "transposed": (
        WRONG,
        "PEFT's form is A (r, in) and B (out, r); a loader refuses this, or, where the shapes fit "
        "by chance, multiplies the wrong numbers in silence",
        "transpose both factors where they are written",
    ),
    "rank": (
        WRONG,
        "the scale is α divided by the settings' r, and so it is that of another rank; with r 1 it "
        "is α itself",
        "set r to the factors' rank, and check that lora_alpha is the one it was trained with",
    ),
    "two-ranks": (WRONG, "A·B does not exist", "save both factors of one training"),
    "both-zero": (
        WRONG,
        "then neither gets a gradient: such a layer can never learn",
        "start A at random numbers and B at zero",
    ),
    "untrained": (
        WRONG,
        "it was saved before its first step, the optimizer was given other parameters, or the "
        "trained numbers were not the ones that were saved",
        "check that the loss fell, and save from the model that was trained",
    ),
    "partly-untrained": (
        DOUBTFUL,
        "these layers got no gradient, or their numbers were lost when the adapter was saved",
        "look whether they were frozen or unused in training; if so, take them out of "
        "target_modules",
    ),
    "no-lengths": (
        WRONG,
        "they start anew at the base's, so what training made of them is lost",
        "save the adapter again with a version that writes lora_magnitude_vector",
    ),
    "no-dora": (
        WRONG,
        "the factors are applied without the lengths, which is another weight",
        "set use_dora to true",
    ),
    "lengths": (
        WRONG,
        "DoRA has one length an output; these were taken along the wrong axis, which a square "
        "weight does not show",
        "take the norm over the inputs: axis 0 of W (in, out), axis 1 of (out, in)",
    ),
    "no-scale": (WRONG, "there is no scale without them", "set both as they were in training"),
    "scale": (
        DOUBTFUL,
        "the usual scale is 1 to 4, and fine-tuning moves a weight by hundredths to tenths of its "
        "size; more is most often α where α/r (or α/√r) was trained, or a training that diverged",
        "compare one output with the model that trained it, and set lora_alpha so that the scale "
        "is the trained one",
    ),
    "directions": (
        DOUBTFUL,
        "they take memory and time and add nothing: a column of A that is another's copy learns "
        "what that one learns",
        "convert --rank writes the adapter at the rank that works, and loses nothing; in training, "
        "start every column of A at random numbers of its own",
    ),
    "not-saved": (
        WRONG,
        "the trained module is lost, and the base's own stands in its place",
        "save again with the module, or take its name out of modules_to_save",
    ),
    "target": (
        DOUBTFUL,
        "a target that names no layer passes in silence, and less is trained than was meant",
        "write the base's own names (--base shows them) or take it out; if the base has the layer, "
        "its numbers are missing: save again",
    ),
    "untargeted": (
        WRONG,
        "no layer is made for them: a loader that passes over unexpected keys drops what was "
        "trained there",
        "add their names to target_modules",
    ),
    "start": (
        DOUBTFUL,
        "on the unchanged base the factors add what the changed one already had",
        "convert it where it was trained (in PEFT: path_initial_model_for_weight_conversion), or "
        "save the changed base beside it",
    ),
    "another-base": (
        WRONG,
        "its numbers belong to other layers",
        "give the base that it was trained on: --base PATH",
    ),
    "unknown-layer": (
        WRONG,
        "a loader that passes over unexpected keys drops what was trained there",
        "give the base that it was trained on, or mend the names",
    ),
    "shape": (
        WRONG,
        "it was trained on a base of another width, or its factors lie the other way round",
        "give the base that it was trained on, or transpose the factors",
    ),
    "missing-layer": (
        WRONG,
        "a loader that passes over missing keys leaves these layers at their start: part of what "
        "was trained is lost in silence",
        "save the adapter again and compare the names; or list in target_modules what it has",
    ),
    "refused": (
        DOUBTFUL,
        "this library does not load it on this base",
        "use the library that wrote it, or mend what the sentence names",
    ),
    "bare-layer": (
        NOTE,
        "target_modules is a pattern, or is limited to some layers, and may mean it so",
        "nothing, if it was meant",
    ),
    "merge": (
        NOTE,
        "the change is as small as the format's rounding",
        "merge into float32, or keep the adapter beside its base",
    ),
    "intruders": (
        NOTE,
        "LoRA makes such intruder dimensions, full fine-tuning few; they were found to go with "
        "forgetting (arXiv 2410.21228)",
        "usual, and no fault. Shrinking them may restore something of the base: doctor --data TEXT "
        "measures it, beside shrinking the whole change",
    ),
}


@dataclass(frozen=True)
class Finding:
    """One thing found: its code in ADVICE, what it is in words, and the layers it is about."""

    code: str
    what: str
    layers: tuple = ()

    level = property(lambda self: ADVICE[self.code][0])

    def as_dict(self):
        level, why, do = ADVICE[self.code]
        said = {"level": level, "code": self.code, "what": self.what, "why": why, "do": do}
        return said | {"layers": list(self.layers)}
