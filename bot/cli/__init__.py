"""The `imsbot` command: one module per group of commands, parsing and printing only."""
