"""Training, checkpoints, evaluation, comparison."""
