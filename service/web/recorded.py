"""Asking a model: its answers as a record."""

import time
from dataclasses import replace

from inference.features import Matrix
from service.models.model import Model
from service.records import Record
from service.web.context import ServingRequest
from service.web.ids import new_id


def ask(model: Model, role: str, rows: Matrix, request: ServingRequest) -> Record:
    """The record of a fresh answer; its latency is that of the whole request so far."""
    answers = model.engine.predict(rows)
    return Record(
        prediction_id=new_id(),
        request_id=request.request_id,
        time=time.time(),
        model_version=model.version,
        role=role,
        contract=model.manifest.contract,
        rows=rows,
        answers=answers,
        latency_ms=(time.perf_counter() - request.started) * 1000,
        client=request.client,
        classes=model.manifest.classes,
    )


def ask_again(shadow: Model, rows: Matrix, heard: Record) -> Record:
    """The record of what a shadow says to the same question; its latency is the engine's own."""
    began = time.perf_counter()
    answers = shadow.engine.predict(rows)
    return replace(
        heard,
        model_version=shadow.version,
        role="shadow",
        contract=shadow.manifest.contract,
        rows=rows,
        answers=answers,
        latency_ms=(time.perf_counter() - began) * 1000,
        classes=shadow.manifest.classes,
    )
