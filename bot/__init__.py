"""The map. Written below."""
