"""What the servers themselves cost: apps that read the body and answer constant bytes."""

ANSWER = (
    b'{"prediction":1,"probability":0.93,"model_version":"random_forest-1","timestamp":"2026-01-01T00:00:00.000Z",'
    b'"prediction_id":"0123456789abcdef0123456789abcdef"}'
)
