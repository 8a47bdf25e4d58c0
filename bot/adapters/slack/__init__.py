"""Slack: one card per incident, edited in place, and the answers that its buttons bring (design.md 9).

`api` makes the calls and translates their errors, `cards` decides what is sent when, `socket` receives clicks.
Slack is a view and a door: no state of ours lives in it.
"""
