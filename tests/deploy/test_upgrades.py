"""The scripts of deploy/upgrade, each under load with the real programs: no request fails."""

import os
import signal
import socket
import subprocess
import threading
from pathlib import Path

import psutil
import pytest

from tests.conftest import ROOT, until
from tests.services import program, unused_port

pytestmark = pytest.mark.process
SCRIPTS = ROOT / "deploy" / "upgrade"
CONF = (ROOT / "deploy" / "nginx" / "serving.conf").read_text()


def run(script, *arguments, **environment):
    """Run a script to its end: its exit code and what it said."""
    program("curl", "curl")
    command = [str(SCRIPTS / script), *map(str, arguments)]
    given = {"PATH": f"{os.environ['PATH']}:/usr/sbin", "PATIENCE": "180"} | environment
    done = subprocess.run(command, env=given, capture_output=True, text=True, timeout=400)
    return done.returncode, done.stderr


@pytest.fixture
def front(nginx, tmp_path):
    """Factory: the shipped nginx configuration in front of some services: address, its file, and the environment."""

    def start(*servers):
        port, conf = unused_port(), tmp_path / "serving.conf"
        lines = "\n    ".join(f"server {server.url.removeprefix('http://')};" for server in servers)
        text = CONF.replace("server 127.0.0.1:8000;", lines).replace("listen 80;", f"listen 127.0.0.1:{port};")
        conf.write_text(text)
        running = nginx("", extra=f"include {conf};")
        binary, _, main, *_ = running.command
        folder = Path(main).parent
        environment = {
            "NGINX": f"{binary} -c {main} -p {folder} -e {folder}/error.log",
            "NGINX_PID": f"{folder}/nginx.pid",
        }
        return f"http://127.0.0.1:{port}", conf, environment

    return start


def end(pid):
    """End a master that is no child of this process."""
    if not ended(pid):
        os.kill(pid, signal.SIGTERM)
        until(lambda: ended(pid))


def ended(pid):
    """Whether it has ended; in a container nobody may reap it."""
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_an_upgrade_in_place_and_one_back_cost_no_request_and_systemd_follows(serve, client_of, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(120)
        server = serve(WEB_CONCURRENCY="2", NOTIFY_SOCKET=str(tmp_path / "notify"))
        statuses = client_of(server.url)
        masters = [server.pid]
        try:
            for _ in range(2):
                code, said = run("in-place.sh", masters[-1], server.url)
                assert code == 0, said + server.log()[-3000:]
                masters.append(int(said.rsplit(" ", 1)[1]))
                while systemd.recv(4096) != b"MAINPID=%d" % masters[-1]:
                    pass  # what systemd was told before; the time limit of the socket ends it
            seen = len(statuses)
            until(lambda: len(statuses) > seen + 10)
            client_of.stop()
            assert set(statuses) == {200}
            assert server.process.wait(60) == 0
        finally:
            end(masters[-1])


def test_a_new_master_that_does_not_get_ready_is_given_up_and_the_old_one_goes_on(serve, client_of, artifacts):
    server = serve(WEB_CONCURRENCY="2", ARTIFACTS_DIR=str(artifacts))
    server.until_serving(2)
    statuses, before = client_of(server.url), server.workers
    code, said = run("in-place.sh", server.pid, server.url + "/nothing", PATIENCE="10")
    assert (code, "the old one goes on" in said) == (1, True), said
    until(lambda: sorted(server.workers) == sorted(before))
    client_of.stop()
    assert set(statuses) == {200}


def test_the_old_master_takes_its_workers_back_after_winch(serve, client_of):
    server = serve(WEB_CONCURRENCY="2")
    os.kill(server.pid, signal.SIGUSR2)
    masters = []  # the new one, as soon as it has workers
    server.until(lambda: masters.extend(pid for pid in server.workers if psutil.Process(pid).children()) or masters)
    new = masters[0]
    statuses = client_of(server.url)
    os.kill(server.pid, signal.SIGWINCH)
    server.until(lambda: server.workers == [new])
    os.kill(server.pid, signal.SIGHUP)
    server.until(lambda: len(server.workers) == 3)
    end(new)
    server.until(lambda: len(server.workers) == 2)
    seen = len(statuses)
    until(lambda: len(statuses) > seen + 10)
    client_of.stop()
    assert set(statuses) == {200}


def test_nginx_moves_to_another_service_and_back_without_a_failed_request(serve, front, client_of, tmp_path):
    blue, green = serve(), serve(VAR_DIR=str(tmp_path / "green"))
    url, conf, environment = front(blue)
    statuses = client_of(url)
    addresses = [server.url.removeprefix("http://") for server in (blue, green)]
    for old, new in (addresses, addresses[::-1]):
        code, said = run("blue-green.sh", conf, old, new, **environment)
        assert code == 0, said
    green.stop()
    code, said = run("blue-green.sh", conf, *addresses, **environment | {"PATIENCE": "1"})
    assert (code, "nothing was changed" in said) == (1, True), said
    seen = len(statuses)
    until(lambda: len(statuses) > seen + 10)
    client_of.stop()
    assert set(statuses) == {200}


def test_services_behind_nginx_are_restarted_in_turn_without_a_failed_request(serve, front, client_of, tmp_path):
    """The command asks the test, by a file, to restart the service, and waits until it has."""
    settings = [{}, {"VAR_DIR": str(tmp_path / "second")}]
    servers = [serve(**given) for given in settings]
    url, conf, environment = front(*servers)
    addresses = [server.url.removeprefix("http://") for server in servers]
    command = tmp_path / "restart"
    command.write_text(
        f'#!/bin/sh\ntouch "{tmp_path}/wanted-$1"\nwhile [ -e "{tmp_path}/wanted-$1" ]; do sleep 0.1; done\n'
    )
    command.chmod(0o755)
    statuses = client_of(url)
    done = []
    thread = threading.Thread(target=lambda: done.append(run("rolling.sh", conf, command, *addresses, **environment)))
    thread.start()
    for server, address, given in zip(servers, addresses, settings, strict=True):
        wanted = tmp_path / f"wanted-{address}"
        until(wanted.exists, 300)
        server.stop()
        serve(BIND=address, **given)
        wanted.unlink()
    thread.join()
    client_of.stop()
    assert done[0][0] == 0, done
    assert set(statuses) == {200}
    assert "down" not in conf.read_text()
