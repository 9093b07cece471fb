"""The table of faults, for people."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.faults.trial import Account

HEAD = (
    "| fault | sent | right | refused | failed | wrong | lost | counted as lost | doubled | seconds | seed | |\n"
    "|---|" + "---:|" * 10 + "---|"
)


def markdown(accounts: Sequence[Account], skipped: Mapping[str, str], place: Mapping[str, Any]) -> str:
    """A row a fault, then what was skipped, where it was measured, and what the columns are."""
    rows = [
        f"| {a.title} | {a.sent} | {a.right} | {a.refused} | {a.failed} | {a.wrong} | {a.lost} | {a.counted} "
        f"| {a.doubled} | {a.seconds:.0f} | {a.seed} | {_last(a)} |"
        for a in accounts
    ]
    notes = [f"Skipped: {name}: {reason}." for name, reason in skipped.items()]
    notes.append(
        "Refused: 429 or 503. Failed: any other answer, or none. Lost: answers without a record in the database; "
        "counted as lost: what the service itself says."
    )
    notes.append(f"{place['cpu']}, Linux {place['kernel']}, Python {place['python']}, commit {place['commit']}.")
    return "\n".join([HEAD, *rows, "", "\n\n".join(notes)])


def _last(account: Account) -> str:
    if not account.broken:
        return account.note
    return "**broken**: " + "; ".join(account.broken).replace("|", "/").replace("\n", " ")[:400]
