"""The steps of a rollout: give a share, hold it, judge it, go on or go back.

Everything that is decided is written to rollout.json before it is done, so that a rollout that is killed at any moment
goes on from there with --resume. routing.json is looked at before each verdict: whoever changes it meanwhile is obeyed.
"""

import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import asdict, dataclass, field, replace

from inference.manifest import ArtifactError
from inference.rollout.judgement import Measure, Quality, judge, judge_errors, level
from inference.rollout.state import RolloutState, write_state
from inference.rollout.tally import Limits, Tally
from inference.routing import Routing
from service import log
from service.models.repository import Repository
from service.models.rollout.check import GoBack, RolloutEnd, TakenOver, TooLittleTraffic, check
from service.models.rollout.evidence import Evidence
from service.models.rollout.observer import ROW_TIME_EDGES, Observer
from service.models.rollout.taking_out import take_out
from service.routing_changes import change_routing
from service.settings import Settings
from service.signature import read_trusted_manifest

LOAD_SECONDS = 300.0
"""How long the workers may take to load the version, on a machine that is busy with other things."""
FAILED_LOAD_SECONDS = 10.0
"""How long after a load has failed: it is tried again when a file of the version changes."""
LOOK_SECONDS, LEAST_LOOK_SECONDS = 5.0, 0.2
SAVE_SECONDS, SAY_SECONDS = 2.0, 10.0
JUMP_SECONDS = 2.0
"""A difference between the clocks from which on the time of day has jumped, and records are counted from then on."""


@dataclass(frozen=True, slots=True)
class Plan:
    """``hold`` and ``patience`` in seconds: how long a step lasts at least, and how long it may take beyond that."""

    hold: float = 600.0
    patience: float = 3600.0
    min_requests: int = 200
    limits: Limits = field(default_factory=Limits)


class Rollout:
    """One rollout of ``state.version``. ``say`` gets each line for people."""

    def __init__(self, settings: Settings, state: RolloutState, plan: Plan, say: Callable[[str], None]) -> None:
        self._settings, self._state, self._plan, self._say = settings, state, plan, say
        self._repository = Repository(settings)
        self._root = self._repository.root
        self._observer = Observer(settings.var_dir)
        self._alpha = level(len(state.steps))
        self._before = Tally()  # of the stable version, in the last step that it had requests in
        self._saved = 0.0

    def run(self) -> RolloutState:
        """Take all steps that are left; the state at the end. Ctrl-C raises KeyboardInterrupt; the share stays."""
        try:
            if self._state.phase == "going back":
                raise GoBack(self._state.why)
            self._enter_phase("running")
            for step in range(self._state.step, len(self._state.steps)):
                self._take(step)
            self._arrive()
        except GoBack as end:
            self._go_back(end.why)
        except RolloutEnd as end:
            self._enter_phase(end.phase, end.why)
        return self._state

    def interrupted(self, why: str) -> RolloutState:
        """Note that it was interrupted; the share stays."""
        self._enter_phase("interrupted", why)
        return self._state

    def _take(self, step: int) -> None:
        state, share = self._state, self._state.steps[step] / 100
        check(self._repository, state)
        state.step, state.requests, state.measures = step, {}, []
        self._route(share, f"step {step + 1} of {len(state.steps)}")
        self._say(f"step {step + 1} of {len(state.steps)}: {share:.4g} of the requests to {state.version}")
        self._await_load()
        measures = self._hold(share)
        log.info("rollout_step_passed", model_version=state.version, share=share, measures=_texts(measures))
        self._say(f"step {step + 1} of {len(state.steps)} passed")
        for measure in measures:
            self._say(f"  {measure.text}")

    def _route(self, share: float, why: str) -> None:
        """Give the version its share. The state knows the new share first; a kill in between leaves the old one."""
        state = self._state
        before, state.share = state.share, share
        self._save()

        def change(routing: Routing | None) -> Routing:
            if routing is None or routing.stable != state.stable or routing.canary not in (state.version, None):
                raise TakenOver("routing.json was changed by somebody else")
            if routing.canary is None and state.routed:
                raise TakenOver(f"{state.version} was taken out by somebody else")
            return replace(routing, canary=state.version, share=share)

        try:
            change_routing(self._root, change, f"rollout {state.version}", f"{why}, {share:.4g} of the requests")
        except BaseException:
            state.share = before
            raise
        state.routed = True
        self._save()
        log.info("rollout_step", model_version=state.version, share=share, step=state.step + 1)

    def _await_load(self) -> None:
        self._observer.begin()
        end = time.monotonic() + LOAD_SECONDS
        while True:
            loaded, workers = self._observer.workers(self._state.version)
            if workers and loaded == workers:
                break
            self._observer.look({})
            if self._observer.could_not_load(self._state.version):
                end = min(end, time.monotonic() + FAILED_LOAD_SECONDS)
            if time.monotonic() > end and workers:
                raise GoBack(f"{workers - loaded} of {workers} workers could not load it; see model_fault in the log")
            if time.monotonic() > end + self._plan.patience:
                raise TooLittleTraffic("no service runs on this host with this VAR_DIR")
            check(self._repository, self._state)
            time.sleep(LEAST_LOOK_SECONDS)

    def _hold(self, share: float) -> list[Measure]:
        """Look again and again until the step has passed; the last verdicts."""
        state, plan = self._state, self._plan
        stable, canary = Tally(), Tally()
        tallies = {state.stable: stable, state.version: canary}
        evidence = self._evidence()
        self._observer.begin()
        began, clock_offset = time.monotonic(), time.time() - time.monotonic()
        evidence.restart(time.time())
        said = -SAY_SECONDS
        while True:
            time.sleep(min(LOOK_SECONDS, max(LEAST_LOOK_SECONDS, plan.hold / 20)))
            held = time.monotonic() - began
            check(self._repository, state)
            self._observer.look(tallies)
            if self._observer.could_not_load(state.version):
                self._await_load()
            if abs(time.time() - time.monotonic() - clock_offset) > JUMP_SECONDS:
                clock_offset = time.time() - time.monotonic()
                evidence.restart(time.time())
                canary.agreed = canary.compared = 0.0
                self._say("the time of day has jumped: records are counted from now on")
            measures = self._judge(share, stable, canary, evidence.look(tallies))
            state.requests = {"stable": stable.requests, "canary": canary.requests}
            state.measures = [asdict(measure) for measure in measures]
            self._save(at_most_every=SAVE_SECONDS)
            for measure in measures:
                if measure.verdict == "worse":
                    raise GoBack(measure.text)
            is_clear = all(measure.verdict != "unclear" for measure in measures)
            if held >= plan.hold and canary.requests >= plan.min_requests and is_clear:
                self._before = stable if stable.requests else self._before
                return measures
            if held >= plan.hold + plan.patience:
                raise TooLittleTraffic(self._undecided(canary, measures))
            if held - said >= SAY_SECONDS:
                said = held
                self._say(self._progress(held, canary, measures))

    def _judge(self, share: float, stable: Tally, canary: Tally, quality: Quality) -> list[Measure]:
        plan = self._plan
        least = min(plan.min_requests, 50)
        measures = judge(stable, canary, plan.limits, self._alpha, ROW_TIME_EDGES, quality, least)
        if share >= 1:  # the stable version has no requests beside it; it had a share of refusals in the step before
            measures[0] = judge_errors(self._before, canary, plan.limits.error_rate, self._alpha)
        return measures

    def _evidence(self) -> Evidence:
        try:
            stable, canary = (
                read_trusted_manifest(self._repository.folder(version), self._settings)
                for version in (self._state.stable, self._state.version)
            )
        except ArtifactError as exc:
            raise GoBack(str(exc)) from None
        return Evidence(self._settings, stable, canary, self._plan.limits.accuracy_ratio)

    def _go_back(self, why: str) -> None:
        state = self._state
        with suppress(OSError):  # a full disk must not keep the version in
            self._enter_phase("going back", why)
        take_out(self._root, state, why, self._say)
        state.share = 0.0
        self._enter_phase("went back", why)

    def _arrive(self) -> None:
        state = self._state

        def change(routing: Routing | None) -> Routing:
            if routing is None or routing.stable != state.stable or routing.canary != state.version:
                raise TakenOver("routing.json was changed by somebody else")
            return routing.promoted(state.version)

        change_routing(self._root, change, f"rollout {state.version}", "every step passed")
        state.share = 1.0
        self._enter_phase("arrived", "every step passed")

    def _enter_phase(self, phase: str, why: str = "") -> None:
        state = self._state
        state.phase, state.why, state.since = phase, why, time.time()  # type: ignore[assignment]  # one of Phase
        self._save()
        write = log.warning if phase in ("going back", "went back", "too little traffic") else log.info
        write("rollout_phase", model_version=state.version, phase=phase, share=state.share, reason=why)

    def _save(self, at_most_every: float = 0.0) -> None:
        if time.monotonic() - self._saved >= at_most_every:
            self._saved = time.monotonic()
            self._state.updated = time.time()
            with suppress(OSError) if at_most_every else nullcontext():  # what is only progress may be missing
                write_state(self._root, self._state)

    def _progress(self, held: float, canary: Tally, measures: list[Measure]) -> str:
        verdicts = ", ".join(f"{measure.name} {measure.verdict}" for measure in measures)
        plan = self._plan
        return f"  {held:.0f} of {plan.hold:.0f} s, {canary.requests:.0f} of {plan.min_requests} requests: {verdicts}"

    def _undecided(self, canary: Tally, measures: list[Measure]) -> str:
        if canary.requests < self._plan.min_requests:
            return f"{canary.requests:.0f} requests came, {self._plan.min_requests} are needed"
        return "; ".join(measure.text for measure in measures if measure.verdict == "unclear")


def _texts(measures: list[Measure]) -> list[str]:
    return [measure.text for measure in measures]
