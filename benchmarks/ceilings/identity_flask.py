"""A model that answers what it is sent, in Flask: one side of the measurement by which MLflow chose FastAPI."""

import json

from flask import Flask, Response, request

app = Flask(__name__)


@app.post("/predict")
def predict() -> Response:
    """The body's own values."""
    answer = json.dumps({"predictions": json.loads(request.get_data())})
    return Response(answer, mimetype="application/json")
