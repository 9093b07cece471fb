"""The other side: the same service as FastAPI designs, standing on the same inference, records and telemetry.

- ``as_designed``  the seed document's design to the letter: pandas, scikit-learn, a loop over instances
- ``tuned``        as good as an expert would make it on the ONNX engine; what this service has to beat
- ``plain``        a FastAPI app of thirty lines on the same engine and nothing else: the tuned twin must be as fast
"""
