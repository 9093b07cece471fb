"""The gauges of live accuracy, told by the one process of a host that looks at the database all the time."""

import time

from service.records.rows import timestamp
from service.records.sink import Sink
from service.telemetry import metrics

WINDOW_SECONDS = 7 * 86400
"""As /model/performance where no window is asked for."""

# An outcome is reported after its prediction: the second condition on the time only lets an index be used.
# Regressions have no classes, and no accuracy.
ACCURACY = """
SELECT p.model_version, COUNT(*), SUM(CASE WHEN p.prediction = f.outcome THEN 1 ELSE 0 END)
FROM feedback f
JOIN predictions p ON p.prediction_id = f.prediction_id AND p.row_index = f.row_index
JOIN models m ON m.model_version = p.model_version
WHERE p.time >= ? AND f.time >= ? AND CAST(m.classes AS TEXT) <> '[]'
GROUP BY p.model_version
"""


def tell_accuracy(sink: Sink) -> None:
    """Set the gauges from the outcomes that are known now."""
    since = timestamp(time.time() - WINDOW_SECONDS)
    for version, outcomes, hits in sink.ask(ACCURACY, since, since):
        metrics.live_accuracy(version, int(hits) / int(outcomes), int(outcomes))
