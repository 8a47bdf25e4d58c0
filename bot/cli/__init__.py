"""The `imsbot` command: parsing and printing only.

commands            what can be said: names, arguments, help
main                the groups of `--help`, errors as lines and exit codes
options, printing   what several commands share

The others do what a command says, one module per group of them.
"""
