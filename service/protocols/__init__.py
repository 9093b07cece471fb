"""Protocols of other servers, spoken over the same prediction service; which ones is PROTOCOLS.

An adapter only frames: it reads a request of its protocol into columns by name and writes the answers in its
protocol's shape. The model's contract decides what is valid, and guards, records, metrics and limits are those of
every route, since a view says them in its ``Operation``.

- ``predicting``  the way of a request, which the adapters have in common
- ``oip``         the Open Inference Protocol V2, with binary tensors: Triton's, KServe's and MLServer's
- ``mlflow``      MLflow's scoring server, and what SageMaker asks of a container
"""
