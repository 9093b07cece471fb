"""From a table, or a fitted pipeline, to an artifact: ``python -m training``.

command.py, options.py      the command line
sources.py                  where a model comes from: example.py (the default data set), a table, loading.py and
                            packing.py (a pipeline fitted elsewhere)
run.py                      dataset to artifact, in order; every step below is called from there
table.py                    a CSV or Parquet file as a frame, or a sentence that says why not
columns.py, derivation.py   what a column holds -> the contract's features; overrides.py: what the user says of them
conversion.py, dataset.py  frame -> matrix of codes and target; target.py: what is predicted; leakage.py: what tells it
families.py, preprocessing.py  contract + family -> unfitted Pipeline
fitting.py, search.py       split, fit, measure; cross-validate, search
evaluation.py, gates.py     hold-out metrics; what is refused
compiler/, parity/          the pipeline as one graph; whether it answers as the pipeline; engine_choice.py asks both
reference.py, sampling.py   the training distribution, for drift; the golden rows
card.py, plots.py           the model card
publishing.py, telling.py   the artifact and its route; what the terminal is told
"""
