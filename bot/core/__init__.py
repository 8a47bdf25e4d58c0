"""Pure: the words of the project, rules, facts, plans, an incident's life; no I/O, no clock, no asyncio."""
