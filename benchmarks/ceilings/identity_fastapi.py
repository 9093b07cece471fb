"""A model that answers what it is sent, in FastAPI: the other side of the measurement by which MLflow chose FastAPI."""

import json

from fastapi import FastAPI, Request, Response

app = FastAPI()


@app.post("/predict")
async def predict(request: Request) -> Response:
    """The body's own values."""
    answer = json.dumps({"predictions": json.loads(await request.body())})
    return Response(answer, media_type="application/json")
