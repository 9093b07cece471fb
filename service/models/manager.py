"""The models of this process: what is wanted, what is loaded, and what became of it when they differ."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from inference.artifact import versions
from inference.engines.base import EngineError
from inference.manifest import ArtifactError
from inference.routing import Routing, RoutingError, read_routing
from schemas.errors import NotReady, UnknownVersion
from service import log, metrics
from service.models.last_good import read_last_good, write_last_good
from service.models.mlflow_registry import Registry, RegistryError
from service.models.model import Model, load, trim_memory
from service.settings import Settings


@dataclass(frozen=True, slots=True)
class ModelSet:
    """What may answer now. Replaced as a whole, so that a request sees one state from first to last."""

    stable: Model | None = None
    canary: Model | None = None
    share: float = 0.0
    shadow: Model | None = None
    models: Mapping[str, Model] = field(default_factory=dict)
    faults: tuple[str, ...] = ("no model has been loaded yet",)

    def choose(self, asked: str | None) -> tuple[Model, str]:
        """The model that answers a request, and its role: requested, canary or stable.

        Raises:
            NotReady: no model is loaded. UnknownVersion: the one that was asked for is not.
        """
        if self.stable is None:
            raise NotReady(f"This worker cannot predict: {self.faults[0]}", {"Retry-After": "5"})
        if asked is not None:
            if asked not in self.models:
                raise UnknownVersion("The model_version asked for is not loaded; GET /model/info lists those that are.")
            return self.models[asked], "requested"
        if self.canary is not None and random.random() < self.share:  # noqa: S311 - a share, not a secret
            return self.canary, "canary"
        return self.stable, "stable"


class ModelManager:
    """Brings what is loaded in line with what is wanted; never gives up a version that works for one that does not."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._registry = Registry(settings) if settings.model_uri else None
        self._root = self._registry.root if self._registry else settings.artifacts_dir
        self._seen: dict[str, object] = {}
        self._refused: dict[str, tuple[object, str]] = {}
        self.loaded = ModelSet()

    def refresh(self) -> None:
        """Follow the pin or routing.json: load what is new, swap, let go of what is no longer wanted."""
        try:
            routing = self._wanted()
        except (RoutingError, RegistryError) as exc:
            self._keep(str(exc))
            return
        if routing is None:
            self._keep(f"{self._root} holds no artifact. Make one with: python -m training")
            return
        models = {version: model for version in routing.wanted if (model := self._have(version)) is not None}
        faults = tuple(self._refused[version][1] for version in routing.wanted if version in self._refused)
        stable = models.get(routing.stable)
        if stable is not None:
            write_last_good(self._settings.var_dir, stable.version)
        elif (stable := self._fallback(routing.stable)) is not None:
            models[stable.version] = stable
        canary, shadow = models.get(routing.canary or ""), models.get(routing.shadow or "")
        self._swap(ModelSet(stable, canary, routing.share, shadow, models, faults))

    def report_failure(self) -> None:
        """Tell, once, of an exception that ``refresh`` did not foresee; called while it is handled."""
        exc = "Which versions are wanted, or what they are, could not be found out; the log tells why."
        if exc not in self.loaded.faults:
            log.error("model_watch_failed", exc_info=True)
            self._swap(replace(self.loaded, faults=(exc,)))

    def _keep(self, exc: str) -> None:
        """Go on with what is loaded, or with what worked last on this host, and say what is wrong."""
        loaded = self.loaded
        if loaded.stable is None and (last := self._fallback("")) is not None:
            loaded = ModelSet(last, models={last.version: last})
        self._swap(replace(loaded, faults=(exc,)))

    def _wanted(self) -> Routing | None:
        pin = self._registry.version() if self._registry else self._settings.model_version
        return Routing(pin) if pin else read_routing(self._root)

    def _have(self, version: str) -> Model | None:
        """The version, loaded now or before; None where it cannot be, with the reason kept until its files change.

        One that is loaded and whose files change is looked at again: what a worker that starts now would refuse is
        told while this one goes on with it, and what was made anew under the same name is served by all.
        """
        loaded = self.loaded.models.get(version)
        folder = self._root / version
        state = _state(folder)
        if loaded is not None and self._seen.get(version) == state and version not in self._refused:
            return loaded
        if version in self._refused and self._refused[version][0] == state:
            return loaded
        self._refused.pop(version, None)
        try:
            model = _load(folder, self._settings)
        except (ArtifactError, EngineError) as exc:
            reason = str(exc)
        except Exception:  # an artifact may break in ways of its own libraries; the service stays up
            log.error("model_load_failed", model_version=version, exc_info=True)
            reason = f"{folder} cannot be loaded; the log tells why. Restore it, or train again."
        else:
            self._seen[version] = state
            if loaded is not None and loaded.manifest.sha256 == model.manifest.sha256:
                return loaded
            manifest = model.manifest
            metrics.model_loaded(version, model.engine.name, manifest.created, manifest.metrics.get("accuracy"))
            return model
        self._refused[version] = (state, reason)
        metrics.model_failed(version)
        return loaded

    def _fallback(self, wanted: str) -> Model | None:
        """The stable version that worked last, in this process or, for a worker just started, on this host.

        A pin means this version or none: only a worker that serves already keeps what it has.
        """
        if self.loaded.stable is not None or self._settings.model_version or self._registry:
            return self.loaded.stable
        last = read_last_good(self._settings.var_dir)
        return self._have(last) if last and last != wanted else None

    def _swap(self, loaded: ModelSet) -> None:
        # Whoever asks /health needs no token: where on this machine the folder lies is told in the log only.
        faults = tuple(exc.replace(f"{self._root.parent}/", "") for exc in loaded.faults)
        before, self.loaded = self.loaded, (loaded := replace(loaded, faults=faults))
        metrics.degraded(bool(loaded.faults))
        for version in before.models.keys() - loaded.models.keys():
            metrics.model_unloaded(version)
        if loaded.faults and loaded.faults != before.faults:
            log.error("model_fault", reasons=loaded.faults, folder=str(self._root))
        if loaded.stable is not None and loaded.stable is not before.stable:
            log.info("model_serving", model_version=loaded.stable.version, engine=loaded.stable.engine.name)
        if any(loaded.models.get(version) is not model for version, model in before.models.items()):
            del before
            trim_memory()


def _load(folder: Path, settings: Settings) -> Model:
    if folder.name not in versions(folder.parent):
        raise ArtifactError(f"{folder} is not there. Train it, or name another version: flask models list")
    return load(folder, settings)


def _state(folder: Path) -> object:
    """Changes whenever a file of the artifact does, or who may read it."""
    try:
        return sorted((entry.name, entry.stat().st_ctime_ns, entry.stat().st_size) for entry in folder.iterdir())
    except OSError:
        return None
