"""The Open Inference Protocol V2 over HTTP (REST), with the extension for binary tensors in both directions.

- ``views``      the routes
- ``documents``  what they take and answer, for the OpenAPI document
- ``request``    the body of an inference request: its JSON and the bytes behind it
- ``tensors``    tensors to columns
- ``datatypes``  the protocol's types, and their bytes
- ``response``   answers as tensors, and the description of the model

The protocol: https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol
The extension: Triton's "Binary Tensor Data Extension".
"""
