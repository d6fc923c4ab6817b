"""Whole runs: pre-train, fine-tune, sweep, and the peak of a step."""
