"""What a user declares of a contract: a YAML or JSON file that overrides what the data shows.

.. code-block:: yaml

    features:
      age: {type: integer, minimum: 0, maximum: 120, nullable: true, description: years, example: 42}
      colour: {choices: [red, green, blue]}
    drop: [row_id]
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from inference.contract import FEATURE_TYPES, LARGEST_INTEGER
from training.errors import TrainingError

KEYS = {
    "type": (str,),
    "minimum": (int, float),
    "maximum": (int, float),
    "choices": (list,),
    "nullable": (bool,),
    "unseen": (str,),
    "maximum_length": (int,),
    "description": (str,),
    "example": (int, float, str, bool),
}


MOST = 1e300
"""No larger number is accepted."""


@dataclass(frozen=True, slots=True)
class Overrides:
    """Per feature the keys of KEYS that were given; columns to leave out."""

    features: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    source: str = "--contract"


def read_overrides(path: Path) -> Overrides:
    """Read and check the file.

    Raises:
        TrainingError: it cannot be read, or a declaration makes no sense; the message names the feature and the key.
    """
    try:
        document = yaml.safe_load(path.read_text("utf-8"))  # JSON is YAML
    except (OSError, UnicodeDecodeError) as exc:
        raise TrainingError(f"{path} cannot be read: {exc}. Check the path given to --contract.") from None
    except yaml.YAMLError as exc:
        raise TrainingError(f"{path} is neither YAML nor JSON: {' '.join(str(exc).split())}. Correct it.") from None
    if not isinstance(document, dict) or not set(document) <= {"features", "drop"}:
        raise TrainingError(
            f"{path} must hold 'features' and, if wanted, 'drop', and nothing else; see docs/training.md."
        )
    features = document.get("features") or {}
    if isinstance(features, list):
        features = {_name(path, entry): {k: v for k, v in entry.items() if k != "name"} for entry in features}
    if not isinstance(features, dict):
        raise TrainingError(f"{path}: 'features' must name each feature with what is declared of it.")
    drop = document.get("drop") or []
    if not isinstance(drop, list):
        raise TrainingError(f"{path}: 'drop' must be a list of columns.")
    checked = {str(name): _checked(path, str(name), entry or {}) for name, entry in features.items()}
    return Overrides(checked, tuple(str(name) for name in drop), str(path))


def _name(path: Path, entry: Any) -> str:
    if not isinstance(entry, dict) or "name" not in entry:
        raise TrainingError(f"{path}: each entry of 'features' needs its 'name'.")
    return str(entry["name"])


def _checked(path: Path, name: str, entry: Any) -> dict[str, Any]:
    if not isinstance(entry, dict):
        raise TrainingError(f"{path}: feature {name!r} must be a mapping such as {{minimum: 0}}.")
    entry = {key: _number(value) if key in ("minimum", "maximum") else value for key, value in entry.items()}
    for key, value in entry.items():
        kinds = KEYS.get(key)
        if kinds is None:
            raise TrainingError(f"{path}: feature {name!r} has the unknown key {key!r}; known are {', '.join(KEYS)}.")
        wrong = not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds)
        if wrong or (isinstance(value, (int, float)) and not abs(value) <= MOST):
            raise TrainingError(
                f"{path}: {key} of feature {name!r} cannot be {value!r}: correct it, see docs/training.md."
            )
        if type(value) is int and abs(value) > LARGEST_INTEGER:
            entry = entry | {key: float(value)}  # JSON has no larger integers
    if entry.get("type", "number") not in FEATURE_TYPES:
        raise TrainingError(f"{path}: type of feature {name!r} must be one of {', '.join(FEATURE_TYPES)}.")
    if "choices" in entry:
        entry = entry | {"choices": _choices(path, name, entry)}
    return dict(entry)


def _number(value: Any) -> Any:
    """YAML reads 1.0e+6 as a number but 1e6 as a text: make a number of that too."""
    return float(value) if isinstance(value, str) and re.fullmatch(r"[-+]?[\d.]+[eE][-+]?\d+", value) else value


def _choices(path: Path, name: str, entry: dict[str, Any]) -> list[Any]:
    """Texts, or whole numbers; of a category the texts of these. Each once."""
    choices: list[Any] = entry["choices"]
    if entry.get("type") == "category":
        choices = [str(choice) if type(choice) is int else choice for choice in choices]
    kinds = {type(choice) for choice in choices}
    if not choices or kinds not in ({str}, {int}):
        raise TrainingError(
            f"{path}: choices of feature {name!r} must be texts, or whole numbers; null goes by 'nullable'."
        )
    if repeated := [choice for choice in choices if choices.count(choice) > 1]:
        raise TrainingError(f"{path}: choices of feature {name!r} name {repeated[0]!r} more than once: name each once.")
    return choices
