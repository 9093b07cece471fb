"""A program that appends records and then prints their ids, as a worker: ``python -m tests.records.writing COUNT``."""

import os
import signal
import sys
import time

from service.records import recorder
from service.records.recorder import Recorder
from service.settings import Settings
from tests.records.conftest import make_record


def main() -> None:
    count = int(sys.argv[1])
    settings = Settings.read(os.environ)
    records = Recorder(settings)
    records.open()
    leaving: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: leaving.append(number))
    for number in range(count):
        if leaving:
            break
        record = make_record(1 + number % 3)
        records.append(record)
        os.write(1, f"{record.prediction_id} {1 + number % 3}\n".encode())
        if number % 50 == 0:
            time.sleep(0.02)
    recorder.close_all()


if __name__ == "__main__":
    main()
