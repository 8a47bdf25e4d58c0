"""The demo's story on the lab: a real API server, real kubelets, containerd, systemd and sshd, and the real bot.

Play, people and telling are those of `tests/sandbox/demo`. Here are `chapters` (those of its chapters that a real
cluster is for, and on which workers), `stage` (a lab and its story as the play's stage), and `__main__`.
"""
