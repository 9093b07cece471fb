"""From a table, or a fitted pipeline, to an artifact: ``python -m training``.

command.py, options.py          the command line and its options
sources.py                      the three sources of a model: the default data set (default_model.py), a table, a
                                pipeline fitted elsewhere (loading.py, packing.py)
run.py                          from a dataset to an artifact; it calls each step below
table.py                        read a CSV or Parquet file
column_types.py, derivation.py  derive the contract's features from the columns; overrides.py: what the user declares
conversion.py, dataset.py       from a frame to a matrix of codes and a target; target.py: the column to predict;
                                leakage.py: columns that give the target away
families.py, preprocessing.py   make an unfitted Pipeline for a contract and a model family
fitting.py, search.py           split, fit, measure; cross-validate, search settings
evaluation.py, quality_gates.py metrics on held-out rows; models that are refused
compiler/, parity/              compile the pipeline to a graph; compare the two; engine_choice.py: which one is served
reference.py, sampling.py       the training distribution, for drift; the golden rows
card.py, plots.py               the model card
publishing.py, console.py       write the artifact and its route; print steps, warnings and the summary
errors.py                       the error that every step raises when it refuses
"""
