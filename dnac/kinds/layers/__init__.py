"""The words of the `layers` catalogue, one a file."""
