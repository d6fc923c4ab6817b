"""What it reads: one file per kind of reading matter; each yields batches."""

from .batch import Batch, classification, next_token

__all__ = ["Batch", "classification", "next_token"]
