"""The same service in FastAPI, on the same inference, records, metrics and log. See docs/fastapi-design.md.

- ``fastapi_design``  the FastAPI design as it is written: pandas, scikit-learn, a loop over instances
- ``tuned``           as good as an expert would make it on the ONNX engine; the one that this service has to beat
- ``plain``           a FastAPI app of thirty lines on the same engine and nothing else: the tuned twin must be as fast
"""
