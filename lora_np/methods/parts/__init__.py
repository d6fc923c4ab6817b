"""Whole parts learn: all, the biases, a head, or a small network that is put in."""
