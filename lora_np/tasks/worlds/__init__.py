"""The small made-up worlds that the experiments live in."""
