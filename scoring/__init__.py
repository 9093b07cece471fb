"""``python -m scoring IN OUT``: answers whole files, larger than memory, on one machine or on a Dask cluster.

- ``command``    the command line
- ``session``    a run from IN to OUT, from above
- ``inputs``     the files of IN, and what tells that one has changed
- ``tables``     their chunks, and how one is read as a ``block``; ``csv_table``, ``csv_rows`` and
  ``csv_cells`` do it for CSV
- ``scorer``     the model, and the answers to rows
- ``chunk``      a chunk from its file to its answers: the work of one process
- ``job``        what is done, beside OUT: a killed run goes on where it was
- ``run``        the chunks on several processes; ``cluster`` on a Dask cluster
- ``output``     OUT and the rejected rows, put in place when they are whole
- ``spark``      the same for an iterator of DataFrames, as Spark's ``mapInPandas`` wants it

It validates as the service does (``schemas``), and loads a model as the service does (``service.models``).
"""
