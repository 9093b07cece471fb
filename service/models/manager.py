"""The models of one process: loads what is wanted, swaps, falls back, lets go. ``watcher`` refreshes it."""

from dataclasses import replace
from pathlib import Path

from inference.engines.base import EngineError
from inference.manifest import ArtifactError
from inference.routing import RoutingError
from service import log
from service.metrics import versions
from service.models.mlflow_registry import Registry
from service.models.model import Loading, Model, state_of, trim_memory
from service.models.repository import Repository
from service.models.serving import ModelSet
from service.settings import Settings
from service.signature import UnverifiedError

LOAD_SECONDS = 30.0
"""How long the versions behind a load wait for it. It goes on, and is looked at again when it ends."""


class SlowLoadError(ArtifactError):
    """A load has not ended in time; it goes on, and is looked at again when it has ended."""


class ModelManager:
    """Loads what is wanted and lets go of the rest. A version that works is never given up for one that does not."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._repository = Repository(settings)
        self._registry = Registry(settings, self._repository) if settings.model_uri else None
        self._loaded_from: dict[str, object] = {}  # by version: the state of its files when it was loaded
        self._refused: dict[str, tuple[object, str]] = {}  # by version: the state of its files, and the reason
        self._loading: dict[str, tuple[object, Loading]] = {}  # by version: loads that did not end in time
        self._copy: Model | None = None  # of the last good version, where the artifact itself cannot be loaded
        self.loaded = ModelSet()

    def refresh(self) -> None:
        """Load the versions that are new in the routing, swap, and let go of those that left it."""
        try:
            behind = self._registry.follow() if self._registry is not None else ""
            routing = self._repository.routing()
        except RoutingError as exc:
            self._stay(str(exc))
            return
        if routing is None:
            self._stay(behind or f"{self._repository.root} holds no artifact. Make one with: python -m training")
            return
        models = {version: model for version in routing.wanted if (model := self._current(version)) is not None}
        refused = (self._refused[version][1] for version in routing.wanted if version in self._refused)
        reasons = tuple(filter(None, (behind, *refused)))
        stable = models.get(routing.stable)
        if stable is None and (stable := self._fallback(routing.stable)) is not None:
            models[stable.version] = stable
        canary, shadow = models.get(routing.canary or ""), models.get(routing.shadow or "")
        self._swap(ModelSet(stable, canary, routing.share, shadow, models, reasons))
        if stable is not None and stable.version not in self._refused and stable is not self._copy:
            self._copy = None
            self._repository.keep_last_good(stable.manifest)

    def report_failure(self) -> None:
        """Report, once, an exception that ``refresh`` did not foresee; called while it is handled."""
        reason = "Which versions are wanted, or what they are, could not be found out; the log tells why."
        if reason not in self.loaded.reasons:
            log.error("model_watch_failed", exc_info=True)
            self._swap(replace(self.loaded, reasons=(reason,)))

    def _stay(self, reason: str) -> None:
        """Serve what is loaded, or what worked last on this host, and report what is wrong."""
        loaded = self.loaded
        if loaded.stable is None and (last := self._fallback("")) is not None:
            loaded = ModelSet(last, models={last.version: last})
        self._swap(replace(loaded, reasons=(reason,)))

    def _current(self, version: str) -> Model | None:
        """The version, loaded now or before; None where it cannot be, with the reason kept until its files change.

        A loaded version whose files change is read again. What a new worker would refuse is reported while this one
        goes on with the version it has; what was made anew under the same name is served by all.
        """
        loaded = self.loaded.models.get(version)
        folder = self._repository.folder(version)
        state = state_of(folder, self._settings)
        if loaded is not None and self._loaded_from.get(version) == state and version not in self._refused:
            return loaded
        if self._is_refused(version, state):
            return loaded
        self._refused.pop(version, None)
        try:
            if version not in self._repository.versions():
                raise ArtifactError(f"{folder} is not there. Train it, or name another version: flask models list")
            model = self._load(version, folder, state)
        except SlowLoadError as exc:  # it goes on, so it is no failure yet
            self._refused[version] = (state, str(exc))
            return loaded
        except (ArtifactError, EngineError) as exc:
            reason, state = str(exc), None if isinstance(exc, UnverifiedError) else state  # None: it is tried again
        except Exception:  # an artifact may break in ways of its own libraries; the service stays up
            log.error("model_load_failed", model_version=version, exc_info=True)
            reason = f"{folder} cannot be loaded; the log tells why. Restore it, or train again."
        else:
            self._loaded_from[version] = state
            if loaded is not None and loaded.manifest.sha256 == model.manifest.sha256:
                return loaded
            manifest = model.manifest
            versions.loaded(version, model.engine.name, manifest.created, manifest.metrics.get("accuracy"))
            return model
        self._refused[version] = (state, reason)
        versions.failed(version)
        return loaded

    def _is_refused(self, name: str, state: object) -> bool:
        """Whether these very files were refused before, and no load of them has ended since."""
        loading = self._loading.get(name)
        return name in self._refused and self._refused[name][0] == state and not (loading and loading[1].ended)

    def _load(self, name: str, folder: Path, state: object) -> Model:
        loading = self._loading.pop(name, None)
        if loading is None or loading[0] != state:
            loading = state, Loading(folder, self._settings)
        model = loading[1].result(LOAD_SECONDS)
        if model is None:
            self._loading[name] = loading
            raise SlowLoadError(
                f"{folder} was not loaded within {LOAD_SECONDS:.0f} s. Its disk hangs, or its graph does not end; "
                "restore it, or promote another version."
            )
        return model

    def _fallback(self, wanted: str) -> Model | None:
        """The stable version that worked last, in this process or, for a worker just started, on this host.

        The artifact itself, or the copy of it in VAR_DIR. A pin means this version or none: only a worker that serves
        already keeps another one.
        """
        if self.loaded.stable is not None:
            return self.loaded.stable
        if (last := self._repository.last_good()) is None:
            return None
        itself = self._current(last) if last != wanted and not self._repository.override else None
        return itself or self._load_copy(last)

    def _load_copy(self, version: str) -> Model | None:
        folder = self._repository.copy(version)
        name, state = f"the copy of {version}", state_of(folder, self._settings)
        if state is None or self._is_refused(name, state):
            return None
        try:
            self._copy = self._load(name, folder, state)
        except Exception as exc:  # as in _current: it must not end the watcher
            self._refused[name] = None if isinstance(exc, UnverifiedError) else state, str(exc)
            log.error("last_good_refused", model_version=version, reason=str(exc))
            return None
        manifest = self._copy.manifest
        versions.loaded(version, self._copy.engine.name, manifest.created, manifest.metrics.get("accuracy"))
        log.warning("last_good_served", model_version=version, folder=str(folder))
        return self._copy

    def _swap(self, loaded: ModelSet) -> None:
        # /health asks for no token: where on this machine the folder lies is in the log only.
        reasons = tuple(map(self._repository.without_location, loaded.reasons))
        if reasons and loaded.stable is not None and loaded.stable is self._copy:
            reasons += (f"The copy of {loaded.stable.version} in VAR_DIR is served.",)
        before, self.loaded = self.loaded, (loaded := replace(loaded, reasons=reasons))
        versions.degraded(bool(loaded.reasons), self._copy is not None and loaded.stable is self._copy)
        for version in before.models.keys() - loaded.models.keys():
            versions.unloaded(version)
        if loaded.reasons and loaded.reasons != before.reasons:
            log.error("model_fault", reasons=loaded.reasons, folder=str(self._repository.root))
        if loaded.roles != before.roles:
            log.info("routing_changed", **loaded.roles)
        if loaded.stable is not None and loaded.stable is not before.stable:
            log.info("model_serving", model_version=loaded.stable.version, engine=loaded.stable.engine.name)
        if any(loaded.models.get(version) is not model for version, model in before.models.items()):
            del before
            trim_memory()
