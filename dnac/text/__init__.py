"""Source text, and what is said about it (standard library only)."""
