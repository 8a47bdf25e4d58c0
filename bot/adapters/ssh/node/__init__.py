"""The program that runs on a node, with the node's own python3 (3.6 or newer) and nothing else.

`loader` makes the other modules importable there; `control` answers one question of the bot; `execute` is what a
transient unit runs; `state` is what a node remembers of us. Sent with each question, and stored beside each unit,
so that a new version of the bot never changes a command in flight. It imports nothing else of the bot.
"""
