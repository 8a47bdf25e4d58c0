"""What a containerd configuration means, and how Kata's two runtimes are added to one without harm.

Reading order: `runtimes` (what must be there), `schema` (which names count), `document` and `scan` (a file as data
and as lines), `rules` (may we, and what is missing), `placement` (where it goes), `merge` (all of it, proven),
`diff` (what people are shown), `compare` and `imports` (what the node itself makes of it).

Pure: bytes and texts in, verdicts out. Writing files and running `containerd` belongs to steps and adapters.
"""
