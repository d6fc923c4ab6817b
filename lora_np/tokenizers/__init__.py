"""Text to tokens and back: bytes, byte pairs, conversations."""
