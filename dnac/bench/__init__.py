"""Nets measured beside what a user would write instead: programs, forced routings, timings, ratios."""
