"""Slack: one card per incident, edited in place, and the answers that its buttons bring (design.md 9).

`api` makes the calls and translates their errors, `cards` decides what is sent when, `threads` writes the details
below the cards, `socket` receives clicks, and `people` knows whose accounts may be believed. Slack is a view and a
door: no state of ours lives in it.
"""
