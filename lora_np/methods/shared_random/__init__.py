"""ΔW made of fixed matrices, random or the weight's own, which a few learned numbers mix."""
