"""The page on which people see the channel and press buttons.

All rendering is here in Python (`mrkdwn`, `markdown`, `richtext`, `render`, `view`), where it can be tested
against hostile text; the browser's script only swaps finished HTML and posts clicks (`routes`).
"""
