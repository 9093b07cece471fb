"""A synchronous, multi-process HTTP service for scikit-learn models.

Where to look, from the outside in (imports point down this list only):

- ``app``         the application factory: the path of a request on one screen
- ``protocols``   other servers' protocols over the same prediction service: ``oip``, ``mlflow``
- ``cli``         ``flask models``, ``flask records``, ``flask tokens``, ``flask openapi``
- ``web``         everything that knows Flask: hooks, error handler, documents, views
- ``server``      the gunicorn worker class, and the responses to requests that gunicorn refuses
- ``models``      what this worker has loaded, and which version answers
- ``access``      who may call, and how often
- ``records``     every answered prediction: ``spool``, ``shipper``, ``database``
- ``redis_client``  a Redis that may be away
- ``metrics``     what is counted and timed, for Prometheus
- ``log``         the structured log
- ``routing_changes``  changing routing.json, with a line in history.jsonl
- ``rollout_status``  how far the last rollout is
- ``settings``    what an operator may set, each declared once; ``setting_readers``, ``setting_files`` how each is read
- ``locks``, ``processes``, ``priority``, ``single_thread``   small and independent of the rest

Below it stand ``schemas``, the interface, and ``inference``, which is pure.
"""

NAME = "tabular-serving"
__version__ = "1.0.0"
