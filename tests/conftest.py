"""Hypothesis's profiles: no deadline, since a timed law would fail on a busy machine."""

from hypothesis import Phase, settings

settings.register_profile("lora_np", deadline=None, max_examples=50, print_blob=True)
# For mutation testing: few examples, the same ones every time, and no shrinking of what fails.
settings.register_profile(
    "mutation", deadline=None, max_examples=10, derandomize=True, database=None,
    phases=[Phase.explicit, Phase.generate],
)  # fmt: skip
settings.load_profile("lora_np")
