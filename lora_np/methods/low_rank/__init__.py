"""ΔW = s·AB: two thin factors, their starts, and what else is made of them."""
