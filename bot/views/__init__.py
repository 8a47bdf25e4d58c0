"""Pure: an incident as card, table or text; nothing is remembered here, and everything can be drawn anew."""
