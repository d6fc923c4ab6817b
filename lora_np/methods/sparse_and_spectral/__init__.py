"""ΔW has full rank and few numbers: at few places, of few waves, or of one row turned around."""
