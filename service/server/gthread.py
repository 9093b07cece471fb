"""gunicorn's gthread worker with this service's rules under overload and at the end: ``WORKER_CLASS=gthread``."""

import time
from contextlib import suppress
from typing import Any

from gunicorn import util
from gunicorn.workers.gthread import TConn, ThreadWorker

from service import log, metrics
from service.server.connection import LINGER
from service.server.error_responses import overloaded_response
from service.server.listening import give_up_address
from service.server.overload import Policy, Refusals


class TimedThreadWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """A gthread worker that measures how long a request has waited for a thread.

    A prediction that has waited longer than OVERLOAD_MS is answered 503 before anything else is done for it. The wait
    in the kernel, before the connection is accepted, is not seen.
    """

    def init_process(self) -> None:
        """Called in the worker; it serves until this returns."""
        self.refusals, self.accepts_until, self.counts_address = Refusals(), 0.0, False
        super().init_process()

    def load_wsgi(self) -> None:
        """Load the application, and ask it for its rules."""
        super().load_wsgi()
        self.policy = Policy(self.wsgi)

    def enqueue_req(self, conn: TConn) -> None:
        """Have a connection wait for a thread from now on."""
        conn.waits_since = time.monotonic()
        super().enqueue_req(conn)

    def handle(self, conn: TConn) -> Any:
        """Handle a connection in a thread. The wait ends here: the thread itself may wait for the client's request."""
        conn.waited = time.monotonic() - conn.waits_since
        return super().handle(conn)

    def handle_request(self, req: Any, conn: TConn) -> bool:
        """Handle a request in its thread, or refuse it; whether the connection stays open."""
        waited = conn.waited
        if self.policy.limit and waited > self.policy.limit:
            route, rules = self.policy.route(req.method, util.unquote_to_wsgi_str(req.path))
            if rules.limited:
                metrics.overloaded(route, req.method)
                self.refusals.add()
                if count := self.refusals.take():
                    log.warning("overloaded", refused=count, waited=round(waited, 3))
                given_id = next((value for name, value in req.headers if name == "X-REQUEST-ID"), None)
                closes = not self.alive or req.should_close()
                with suppress(OSError):
                    conn.sock.sendall(overloaded_response(given_id, self.policy.limit, closes, rules.errors))
                    return not closes
                return False
        return bool(super().handle_request(req, conn))

    def handle_exit(self, sig: int, frame: Any) -> None:
        """SIGTERM: the address may be given up, so clients that reconnect are accepted for ``LINGER`` seconds more."""
        if self.alive:
            self.accepts_until = time.monotonic() + LINGER
        super().handle_exit(sig, frame)

    def set_accept_enabled(self, enabled: bool) -> None:
        """Accept connections or not; a worker that was told to stop goes on for a while."""
        if enabled or not self.accepts_until:
            super().set_accept_enabled(enabled)
        elif not self.counts_address:
            self.counts_address = True
            self.nr_conns += 1  # the loop serves on until there is no connection, and the address may still bring one
            self.stop_accepting_in_time()

    def murder_keepalived(self, force: bool = False) -> None:
        """Called in each turn of the loop, and at the end with ``force``."""
        self.stop_accepting_in_time(force)
        super().murder_keepalived(force)

    def stop_accepting_in_time(self, force: bool = False) -> None:
        """Give the address up once ``LINGER`` is over, or no client is left that could reconnect."""
        if self.counts_address and (force or self.nr_conns == 1 or time.monotonic() > self.accepts_until):
            self.counts_address, self.accepts_until = False, 0.0
            super().set_accept_enabled(False)
            give_up_address(self)
            self.nr_conns -= 1
