"""The results, for people."""

from collections.abc import Mapping, Sequence
from typing import Any


def attacks_table(rows: Sequence[Mapping[str, Any]], place: Mapping[str, Any]) -> str:
    """A row an attack: what an ordinary client waited under each worker class, in milliseconds."""
    head = (
        "| attack | median, inline | gthread | p99, inline | gthread | ratio | longest, inline | gthread "
        "| failed, inline | gthread | workers killed, inline | gthread | load |\n|---|" + "---:|" * 12
    )
    return "\n".join([head, *map(_attack, rows), "", _place(rows, place)])


def _attack(row: Mapping[str, Any]) -> str:
    ours, stock = row["inline"], row["gthread"]
    ratio = ours["p99"] / max(stock["p99"], 0.1)
    return (
        f"| {row['title']} | {ours['median']} | {stock['median']} | {ours['p99']} | {stock['p99']} | {ratio:.2f} "
        f"| {ours['longest']} | {stock['longest']} | {ours['failed']} of {ours['requests']} "
        f"| {stock['failed']} of {stock['requests']} | {_after(ours)} | {_after(stock)} | {row['load']} |"
    )


def _after(found: Mapping[str, Any]) -> str:
    return f"{found['killed']}{'' if found['recovers'] else ', not ready for 15 s afterwards'}"


def crowds_table(rows: Sequence[Mapping[str, Any]], place: Mapping[str, Any]) -> str:
    """A row a crowd: its goodput as a share of what 16 patient clients get."""
    head = (
        "| engine | clients | come again | answers a second, 16 clients | in time, the crowd | share | refused "
        "| given up | failed | load |\n|---|---:|---|" + "---:|" * 7
    )
    lines = [
        f"| {row['engine']} | {row['clients']} | {'as Retry-After says' if row['obedient'] else 'at once'} "
        f"| {row['ceiling']:.0f} | {row['rate']:.0f} | {row['rate'] / max(row['ceiling'], 0.1):.2f} "
        f"| {row['refused']} | {row['given_up']} | {row['failed']} | {row['load']} |"
        for row in rows
    ]
    return "\n".join([head, *lines, "", _place(rows, place)])


def _place(rows: Sequence[Mapping[str, Any]], place: Mapping[str, Any]) -> str:
    cores = len(place["cores"]) if isinstance(place["cores"], list) else place["cores"]
    busy = ""
    if max(row["load"] for row in rows) > 1.5 * cores:
        busy = " The machine was busy with other work: compare the columns of a row, and no figure alone."
    return (
        f"{place['cpu']}, {cores} cores, which the clients share, Linux {place['kernel']}, Python {place['python']}, "
        f"commit {place['commit']}. Load: processes that ran or waited at the time.{busy}"
    )
