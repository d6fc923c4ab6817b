"""No weight changes: the model reads numbers that learn, before or beside its tokens."""
