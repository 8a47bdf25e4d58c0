"""The async flow from sighting to closed incident; it speaks to the world only through `ports`."""
