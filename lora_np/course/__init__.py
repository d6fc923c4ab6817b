"""What lessons and classes use: figures, exercises that grade themselves, experiments."""
