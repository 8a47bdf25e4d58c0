"""The parts that every worker shares; `bot/app` builds them once."""

from dataclasses import dataclass

from bot.core.rules import RuleSet
from bot.core.settings import Settings
from bot.engine.brake import Brake
from bot.engine.fleet import Fleet
from bot.engine.look import Looker
from bot.engine.ports import Cards, Clock, Cluster, Journal, Leases, Nodes, Records, World


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything a worker talks to."""

    settings: Settings
    rules: RuleSet
    journal: Journal
    cluster: Cluster
    records: Records | None
    """`None` where the site did not set `ims`."""
    nodes: Nodes
    leases: Leases
    cards: Cards
    world: World
    clock: Clock
    looker: Looker
    fleet: Fleet
    brake: Brake
