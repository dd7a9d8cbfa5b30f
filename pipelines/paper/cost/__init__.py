"""What a training costs: bytes by the paper's formula, and memory, time and energy as measured."""
