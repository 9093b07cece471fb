"""Apache with mod_wsgi, by mod_wsgi-express: ``python -m benchmarks.peers.apache PORT WORKERS WORK``.

The service runs in the interpreter that mod_wsgi was built for, with the libraries of the one that runs this.
"""

import os
import sys
import sysconfig
from pathlib import Path

from benchmarks.targets.definition import HERE, PEERS

AS_ANOTHER = ("unshare", "--user", "--map-user=1", "--map-group=1", "--")
"""Apache answers nobody as root, and the user it changes to may not reach an interpreter in root's home: in a user
namespace of its own it is user 1 (daemon or bin, on any Linux) to itself, and may read and write what root may."""


def main(port: str, workers: str, work: Path) -> None:
    """Become Apache."""
    program = str(PEERS / "mod_wsgi" / "bin" / "mod_wsgi-express")
    command = [program, "start-server", "--application-type", "module", "wsgi", "--callable-object", "app"]
    command += ["--host", "127.0.0.1", "--port", port, "--processes", workers, "--threads", "4"]
    command += ["--keep-alive-timeout", "75", "--limit-request-body", "0"]
    command += ["--server-root", str(work / "apache"), "--log-to-terminal", "--working-directory", str(HERE.parent)]
    for folder in (str(HERE.parent), sysconfig.get_path("purelib")):
        command += ["--python-path", folder]
    if os.geteuid() == 0:
        command = [*AS_ANOTHER, *command]
    os.execvp(command[0], command)  # noqa: S606 - no shell is what is wanted


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
