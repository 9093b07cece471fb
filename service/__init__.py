"""A synchronous, multi-process HTTP service for scikit-learn models.

Where to look, from the outside in (imports point down this list only):

- ``app``         the application factory: the path of a request on one screen
- ``web``         everything that knows Flask: hooks, error handler, docs, views
- ``server``      what is ours of gunicorn: the worker class, refusals before a request is one
- ``models``      what this worker has loaded, and which version answers
- ``guards``      who may ask, and how often
- ``records``     every answered prediction, kept; feedback; questions asked of it
- ``telemetry``   metrics and the structured log
- ``remote``      a Redis that may be away
- ``errors``      what may go wrong, with its HTTP status
- ``settings``    what an operator may set; ``setting_values`` how each is read
- ``inference``   contract, artifact, engine, drift: pure, without Flask or clock
- ``moments``, ``own_process``, ``single_thread``, ``version``   a few lines each that stand on nothing
"""
