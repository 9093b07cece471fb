"""manifest.json: the facts of an artifact, without its other files."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from inference.column_form import ColumnForm, ColumnFormError, Forms
from inference.contract import Contract, ContractError
from inference.engines.base import Label
from inference.regular_file import DOCUMENT_BYTES, read_regular

FORMAT = 1
MANIFEST = "manifest.json"
SIGNATURE = "model.sig"
"""The one file of an artifact that may come later; the manifest does not name it."""
DIGEST = "sha256"


class ArtifactError(RuntimeError):
    """An artifact that must not be served; the message names the file and the way out."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """The facts of one artifact.

    ``engine`` is the fastest one that passed the parity gate ("onnx" or "sklearn"), ``dtypes`` the pandas dtype of
    each column the pipeline was fitted on, ``columns`` the form of those columns of which more is known, ``files`` the
    SHA-256 of each other file, ``metric`` the name of the main entry of ``metrics``, ``sha256`` the digest of all the
    rest of the manifest.
    """

    version: str
    created: str
    algorithm: str
    contract: Contract
    classes: tuple[Label, ...]
    engine: str
    dtypes: Mapping[str, str]
    files: Mapping[str, str]
    metric: str
    metrics: Mapping[str, Any]
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    libraries: Mapping[str, str] = field(default_factory=dict)
    engine_reason: str = ""
    columns: Mapping[str, ColumnForm] = field(default_factory=dict)
    format: int = FORMAT
    sha256: str = ""

    @property
    def forms(self) -> Forms:
        """How each column stands in the frame that the pipeline takes."""
        return {**self.dtypes, **self.columns}

    def to_json(self) -> dict[str, Any]:
        """As it stands in the file, with its digest."""
        document: dict[str, Any] = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        document |= {"contract": self.contract.to_json(), "classes": list(self.classes)}
        document["columns"] = {name: form.to_json() for name, form in self.columns.items()}
        document[DIGEST] = digest(document)
        return document

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """Read and check ``folder``/manifest.json.

        Raises:
            ArtifactError: missing, unreadable, edited since it was written, of a format from the future, or moved to a
                folder of another name.
        """
        path = folder / MANIFEST
        try:
            document = json.loads(read_regular(path, DOCUMENT_BYTES))
        except OSError as exc:
            raise ArtifactError(
                f"{path} cannot be read: {exc.strerror}. Train again, or name another version."
            ) from None
        except (ValueError, RecursionError):
            raise ArtifactError(f"{path} is not JSON: it was cut off or edited. Restore it, or train again.") from None
        if not isinstance(document, dict) or type(document.get("format")) is not int:
            raise ArtifactError(f"{path} is no manifest: it has no format number. Restore it, or train again.")
        if document["format"] != FORMAT:
            raise ArtifactError(
                f"{path} has format {document['format']}, this service reads format {FORMAT}. "
                "Upgrade the service, or train again with this one."
            )
        if document.get(DIGEST) != digest(document):
            raise ArtifactError(
                f"{path} was changed after it was written: its digest does not fit. Restore it, or train again."
            )
        return cls._from_json(document, path)

    @classmethod
    def _from_json(cls, document: dict[str, Any], path: Path) -> "Manifest":
        wrong = [name for name, form in FORMS.items() if not isinstance(document.get(name), form)]
        if not wrong and not re.fullmatch(TIME, document["created"]):
            wrong = ["created"]
        if wrong:
            raise ArtifactError(f"{path} is incomplete: {wrong[0]} is missing, or of another form. Train again.")
        known = {entry.name: document[entry.name] for entry in fields(cls) if entry.name in document}
        try:
            known |= {"contract": Contract.from_json(known["contract"]), "classes": tuple(known["classes"])}
            known["columns"] = {name: ColumnForm.from_json(form) for name, form in document.get("columns", {}).items()}
        except (ContractError, ColumnFormError, AttributeError) as exc:
            raise ArtifactError(f"{path} is incomplete: {exc}. Train again.") from None
        if known["version"] != path.parent.name:
            raise ArtifactError(
                f"{path} is of version {known['version']}, but its folder is named {path.parent.name}. "
                f"Rename the folder to {known['version']}."
            )
        return cls(**known)


FORMS: Mapping[str, type] = {
    **dict.fromkeys(("version", "created", "algorithm", "engine", "metric", "engine_reason"), str),
    **dict.fromkeys(("contract", "dtypes", "files", "metrics", "hyperparameters", "training", "libraries"), dict),
    "classes": list,
}

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"


def digest(document: Mapping[str, Any]) -> str:
    """SHA-256, in hex, over all of a manifest but its digest."""
    rest = {key: value for key, value in document.items() if key != DIGEST}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()
