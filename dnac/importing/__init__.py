"""Weights of other programs' models, brought into nets of the same meaning."""
