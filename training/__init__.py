"""From a table, or a fitted pipeline, to an artifact: ``python -m training``.

example.py      the data set of the default model, and its pipeline
table.py        a CSV or Parquet file as a frame, or a sentence that says why not
derivation.py   frame -> contract, overrides applied; warnings.py: what looks wrong in it
preprocessing.py, families.py   contract + family -> unfitted Pipeline
fitting.py      split, fit, cross-validate, search
evaluation.py   hold-out metrics; gates.py: what is refused
reference.py    the training distribution, for drift; sampling.py: the golden rows
publishing.py   compile, parity gate, write, route
card.py, plots.py   the model card
packing.py      a pipeline fitted elsewhere
command.py      the command line
"""
