"""``flask models rollout``: a version takes over share by share, and goes back by itself where it is worse."""

import os
import re
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

import click

from inference.rollout.state import LOCK, OPEN, RolloutState, read_state
from inference.rollout.tally import Limits
from inference.routing import Routing
from service import log
from service.cli.listing import routing_or_warn
from service.cli.roles import check_artifact, routed_repository
from service.locks import open_lock, try_lock
from service.metrics.process_slot import folder_of_service
from service.routing_changes import operator
from service.settings import Settings

INTERRUPTED = 130
EXIT = {"arrived": 0, "went back": 1, "taken over": 1, "too little traffic": 2}
OTHER_HOST_SECONDS = 60.0
"""A rollout that another host has written about within this time is alive."""
LOOKER_SECONDS = 1.0
"""The dashboard and a scrape hold the lock for an instant when they look whether anybody does."""
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class Duration(click.ParamType["float"]):
    """Seconds, from text like 500ms, 90s, 10m or 2h; a number alone is of seconds."""

    name = "duration"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Read it."""
        if isinstance(value, float):
            return value
        found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?", str(value))
        if found is None:
            self.fail(f"{value!r} is no time such as 90s, 10m or 2h.", param, ctx)
        return float(found[1]) * _UNITS[found[2] or "s"]


class Steps(click.ParamType["list[float]"]):
    """Rising percentages, such as 5,25,50,100."""

    name = "steps"

    def convert(self, value: Any, param: Any, ctx: Any) -> list[float]:
        """Read them."""
        try:
            steps = [float(step) for step in str(value).split(",")]
        except ValueError:
            steps = []
        if not steps or steps != sorted(set(steps)) or steps[0] <= 0 or steps[-1] > 100:
            self.fail(f"{value!r} must be rising percentages up to 100, such as 5,25,50,100.", param, ctx)
        return steps


@click.command("rollout")
@click.argument("version")
@click.option("--steps", type=Steps(), default="5,25,50,100", show_default=True, help="Shares of the requests, in %.")
@click.option("--hold", type=Duration(), default="10m", show_default=True, help="How long each step lasts at least.")
@click.option("--min-requests", type=click.IntRange(1), default=200, show_default=True, help="VERSION's, in each step.")
@click.option("--max-error-rate", type=click.FloatRange(0, 1), default=0.01, show_default=True)
@click.option("--max-latency-ratio", type=click.FloatRange(0, min_open=True), default=1.5, show_default=True)
@click.option("--min-accuracy-ratio", type=click.FloatRange(0, 1), default=0.98, show_default=True)
@click.option(
    "--patience", type=Duration(), default="1h", show_default=True, help="How long a step may take beyond it."
)
@click.option("--resume", is_flag=True, help="Go on with a rollout that was interrupted, with its own options.")
def rollout(version: str, resume: bool, **options: Any) -> None:
    """Let VERSION take over share by share, each step judged against the stable version.

    Exit status: 0 VERSION is stable; 1 it went back, or was not begun; 2 too little traffic to tell, the share stays;
    130 interrupted, the share stays. What is judged are the requests to this host.
    """
    ctx = click.get_current_context()
    settings = Settings.read(os.environ)
    log.configure(settings, descriptor=2)
    refused = f"{version} was not rolled out"
    repository = routed_repository(refused)
    check_artifact(repository, version, settings, refused)
    held = _lock(repository.root, refused)
    try:
        state = read_state(repository.root)
        routing = routing_or_warn(repository)
        if resume:
            given = [name for name in options if _is_given(ctx, name) and name != "patience"]
            if given:
                raise click.UsageError(f"--resume goes on with its own --{given[0].replace('_', '-')}.")
            state = _resumed(state, version, routing)
            options = state.options | ({"patience": options["patience"]} if _is_given(ctx, "patience") else {})
        else:
            state = _begun(state, version, routing, options)
        if folder_of_service(settings.var_dir) is None:
            raise click.ClickException(
                f"{refused}: no service runs on this host with VAR_DIR={settings.var_dir}, so nothing could be judged. "
                f"Start it, or promote without: flask models promote {version}"
            )
        state.options, state.who = options, operator()
        state.host, state.pid = socket.gethostname(), os.getpid()
        sys.exit(_run(settings, state))
    except OSError as exc:
        raise click.ClickException(f"{exc.filename or repository.root}: {exc.strerror}.") from None
    finally:
        os.close(held)


def _run(settings: Settings, state: RolloutState) -> int:
    """Run it to its end; the exit status."""
    from service.models.rollout.driver import Plan, Rollout

    chosen = state.options
    limits = Limits(chosen["max_error_rate"], chosen["max_latency_ratio"], chosen["min_accuracy_ratio"])
    plan = Plan(chosen["hold"], chosen["patience"], chosen["min_requests"], limits)
    running = Rollout(settings, state, plan, click.echo)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # under nohup it outlives its terminal
            signal.signal(number, _interrupt)
    try:
        end = running.run()
    except KeyboardInterrupt:
        end = running.interrupted(f"interrupted at {state.share:.4g} of the requests")
        click.echo(f"Interrupted: {state.version} keeps {state.share:.4g} of the requests. {_ways_on(state)}")
        return INTERRUPTED
    except OSError as exc:
        raise click.ClickException(
            f"{exc.filename or settings.artifacts_dir} cannot be written: {exc.strerror}. {state.version} keeps "
            f"{state.share:.4g} of the requests. {_ways_on(state)}"
        ) from None
    if end.phase == "arrived":
        click.echo(f"{end.version} is now stable: {end.why}.")
    elif end.phase == "taken over":
        click.echo(f"The rollout of {end.version} ends, and routing.json stays as it is: {end.why}.")
    elif end.phase == "went back":
        click.echo(f"{end.version} went back, {end.stable} answers: {end.why}.")
    else:
        click.echo(f"Too little traffic to tell: {end.why}. {end.version} keeps {end.share:.4g}. {_ways_on(end)}")
    return EXIT[end.phase]


def _begun(state: RolloutState | None, version: str, routing: Routing | None, options: dict[str, Any]) -> RolloutState:
    refused = f"{version} was not rolled out"
    if routing is None:
        raise click.ClickException(f"{refused}: which version is stable is not known. See: flask models list")
    if routing.stable == version:
        raise click.ClickException(f"{refused}: it is the stable version.")
    if state is not None and routing.canary == state.version and _runs_elsewhere(state):
        raise click.ClickException(f"{refused}: {state.version} is rolled out on {state.host}, by {state.who}.")
    if state is not None and state.phase in OPEN and routing.canary == state.version:
        raise click.ClickException(
            f"{refused}: the rollout of {state.version} stopped at {state.share:.4g} of the requests. {_ways_on(state)}"
        )
    if routing.canary is not None:
        raise click.ClickException(
            f"{refused}: {routing.canary} is the canary. End that first: flask models retire {routing.canary}"
        )
    return RolloutState(version, routing.stable, options["steps"], options)


def _resumed(state: RolloutState | None, version: str, routing: Routing | None) -> RolloutState:
    refused = f"Nothing to resume of {version}"
    if state is None or state.version != version or state.phase not in OPEN:
        known = "no rollout is open" if state is None else f"the last rollout, of {state.version}, {state.phase}"
        raise click.ClickException(f"{refused}: {known}. Begin one without --resume.")
    away = routing is None or (routing.canary != version and routing.stable != version)
    if away and state.routed and state.phase != "going back":
        raise click.ClickException(f"{refused}: somebody has taken it out. Begin a new one without --resume.")
    if _runs_elsewhere(state):
        raise click.ClickException(f"{refused}: it runs on {state.host}, started by {state.who}.")
    if routing is not None and routing.canary == version:
        state.share = routing.share  # a kill may have come between the note and the change
    return state


def _runs_elsewhere(state: RolloutState) -> bool:
    """Whether another host, whose locks may not be seen here, has written about it just now."""
    is_fresh = abs(time.time() - state.updated) < OTHER_HOST_SECONDS
    return state.phase in ("running", "going back") and state.host != socket.gethostname() and is_fresh


def _lock(root: Path, refused: str) -> int:
    """The lock of rollouts in this repository, which ends with this process however it ends."""
    try:
        descriptor = open_lock(root / LOCK)
    except OSError as exc:
        raise click.ClickException(f"{refused}: {exc.filename} cannot be opened: {exc.strerror}.") from None
    end = time.monotonic() + LOOKER_SECONDS
    while not try_lock(descriptor):
        if time.monotonic() < end:
            time.sleep(0.05)
            continue
        os.close(descriptor)
        state = read_state(root)
        by = f" of {state.version}, started by {state.who}, process {state.pid}" if state is not None else ""
        raise click.ClickException(f"{refused}: another rollout is running{by}. Wait for it, or interrupt it.")
    return descriptor


def _ways_on(state: RolloutState) -> str:
    return f"Go on: flask models rollout {state.version} --resume; or end it: flask models rollback"


def _is_given(ctx: click.Context, name: str) -> bool:
    return ctx.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
