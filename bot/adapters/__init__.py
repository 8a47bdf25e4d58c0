"""The only code that touches third-party I/O; each adapter translates the errors of its library once."""
