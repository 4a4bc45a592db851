"""The command line: one file a command; puts the rooms together and does nothing else."""
