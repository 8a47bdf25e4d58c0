"""Kubernetes quantities ("8Gi", "500m", 2) as numbers (k8s.io/apimachinery resource.Quantity)."""

import re
from decimal import Decimal

_QUANTITY = re.compile(r"([+-]?[0-9]*\.?[0-9]+)(?:([eE][+-]?[0-9]{1,3})|([numkMGTPE]|[KMGTPE]i))?")
_FACTORS = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    **{unit: Decimal(10) ** (3 * power) for power, unit in enumerate(("", "k", "M", "G", "T", "P", "E"))},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate(("K", "M", "G", "T", "P", "E"), start=1)},
}


def parse_quantity(text: str | int) -> Decimal | None:
    """In base units (bytes, cores); `None` for what Kubernetes would refuse too."""
    found = _QUANTITY.fullmatch(str(text).strip())
    if found is None:
        return None
    number, exponent, unit = found.groups()
    return Decimal(number + (exponent or "")) * _FACTORS[unit or ""]
