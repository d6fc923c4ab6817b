"""Experiments: each runs over several seeds and gives its numbers, a table and figures of them."""
