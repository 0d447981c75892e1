"""The typed graph (standard library only; knows nothing of syntax)."""
