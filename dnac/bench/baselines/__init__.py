"""Baselines, one a file: what a net is measured against."""
