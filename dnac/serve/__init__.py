"""Use of a trained model: generation."""
