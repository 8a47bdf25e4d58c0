"""The composition root, the only package that knows all others.

reach     read access to the world
service   `serve`: the parts plugged together, signals, and the end
doors     Slack's buttons and the control socket
outlook   what monitoring may look at
timers    what happens by the clock
"""
