"""A synchronous, multi-process HTTP service for scikit-learn models.

Where to look, from the outside in (imports point down this list only):

- ``app``         the application factory: the path of a request on one screen
- ``web``         everything that knows Flask: hooks, error handler, docs, views
- ``models``      what this worker has loaded, and which version answers
- ``records``     every answered prediction, kept
- ``telemetry``   metrics and the structured log
- ``errors``      what may go wrong, with its HTTP status
- ``settings``    what an operator may set
- ``inference``   contract, artifact and engine: pure, without Flask or clock
"""
