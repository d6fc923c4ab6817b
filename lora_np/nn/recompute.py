"""Recomputation, or gradient checkpointing: keep what a block reads, and run it again in backward.

(Chen et al. 2016, arXiv 1604.06174, §3.) Of L blocks, L inputs are kept in place of L insides, and
one inside at a time, for the time of nearly one more forward pass.
"""

import copy


class Again:
    """Stands for a block's cache: what its forward was given. Shapes: x (B, T, d).

    `inside` is the cache itself, where backward begins with it: kept for that once.
    """

    def __init__(self, x, rng, past):
        # The generator is copied as it stands before the block, so that dropout falls as it fell
        self.x, self.rng, self.past, self.inside = x, copy.deepcopy(rng), past, None

    def cache(self, block):
        """The cache that the block's forward made, to the bit."""
        inside, self.inside = self.inside, None
        return inside or block.recall(self.x, rng=copy.deepcopy(self.rng), past=self.past)
