"""A conformance suite for the Open Inference Protocol V2 over HTTP, for any server:

    python -m tests.protocols.oip http://127.0.0.1:8000 model [--row '{"feature_1": 0.5}'] [--token TOKEN]

``cases.json`` holds the cases as data. A case has a ``request`` and what its ``answer`` must be. A request has a
``method`` and a ``path``; a ``body`` names how the rows are framed (``framing``), and ``with`` replaces parts of its
JSON. An answer has the ``status`` values that are allowed, and ``is``, the kind of document that ``checks`` knows.
"""
