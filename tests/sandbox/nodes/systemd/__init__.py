"""A stand-in for systemd: the part of it that a repair over SSH depends on, with systemd 252's words and codes.

Reading order: `spec` (what a service is told to be), `service` and `timer` (how they live), `system` (which there
are), `systemctl` and `systemd_run` (the commands), `control` (how they arrive). It must never be kinder than
systemd: what it does not know, it refuses.
"""
