"""One hypothesis profile: no deadline, since a timed law would fail on a busy machine."""

from hypothesis import settings

settings.register_profile("lora_np", deadline=None, max_examples=50, print_blob=True)
settings.load_profile("lora_np")
