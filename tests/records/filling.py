"""A program that fills a spool, and prints the rows lost: ``python -m tests.records.filling VAR_DIR [limited]``.

``limited`` bounds the size of its files.
"""

import resource
import sys

from service.records import recorder
from service.records.recorder import Recorder
from service.records.shipper import supervisor
from service.records.spool.files import read_counts, spool_folder
from service.settings import Settings
from tests.records.conftest import make_record


def main() -> None:
    supervisor.start = lambda *_: None
    settings = Settings.read({"VAR_DIR": sys.argv[1]})
    recorder.prepare(settings)
    records = Recorder(settings)
    records.open()
    if len(sys.argv) > 2:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
    records.append(make_record(3000))
    for _ in range(20):
        records.append(make_record(2))
    print("LOST", read_counts(spool_folder(settings)).lost)


if __name__ == "__main__":
    main()
