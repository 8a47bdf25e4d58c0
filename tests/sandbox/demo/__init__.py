"""The demo: one story in chapters, told in the terminal and on the Slack page, with the real bot in the middle.

Reading order: `story` (what happens, as data), `play` (carries a chapter out), `stage` (where: the sandbox; the
lab is in `tests/lab/demo`), `people` (who clicks), `chaos` (what is broken meanwhile), `telling` (the terminal),
`pictures` (screenshots for the README), `__main__`.
"""
