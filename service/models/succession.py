"""What changes for clients when one version answers in place of another."""

from inference.contract import Contract

_SHOWN = 5


def changes(before: Contract, after: Contract) -> list[str]:
    """In what the rows that ``after`` takes differ from those of ``before``, a phrase each; empty where in nothing.

    Looked at are names and types: ranges and choices may well be wider or narrower from one training to the next.
    """
    old = {feature.name: feature.type for feature in before.features}
    new = {feature.name: feature.type for feature in after.features}
    changed = [f"{name} as {kind}" for name, kind in new.items() if old.get(name, kind) != kind]
    found = {
        "without": [name for name in old if name not in new],
        "with": [name for name in new if name not in old] + changed,
    }
    return [f"{how} {_listed(names)}" for how, names in found.items() if names]


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
