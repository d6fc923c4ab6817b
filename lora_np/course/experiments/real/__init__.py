"""Fine-tunes of a real language model, SmolLM2-135M-Instruct, each in minutes on a processor."""
