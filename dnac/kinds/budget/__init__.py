"""The words of the `budget` catalogue, one a file: what a budget counts."""
