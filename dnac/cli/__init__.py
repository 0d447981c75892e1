"""Commands: input, output, exit codes, nothing else."""
