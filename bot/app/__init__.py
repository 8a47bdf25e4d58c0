"""The composition root, the only package that knows all others.

reach     read access to the world
service   `serve`: the parts plugged together, signals, and the end
doors     Slack's buttons and the control socket
timers    what happens by the clock
"""
