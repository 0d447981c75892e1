"""The words of the `by` catalogue, one a file: by which means a budget is kept."""
