"""Graph to a list of instructions, and what they cost."""
