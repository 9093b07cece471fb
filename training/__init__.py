"""From a table, or a fitted pipeline, to an artifact: ``python -m training``.

command.py, options.py          the command line and its options
sources.py, fitted_elsewhere.py the three sources of a model: the default data set (default_model.py), a table; a
                                pipeline fitted elsewhere (loading.py, packing.py; failing_step.py: where it fails;
                                own_frame.py, nulls.py: how each column of a served row must reach it)
run.py                          from a dataset to an artifact; it calls each step below
table.py                        read a table; opening.py: its files; csv_layout.py, csv_header.py, csv_texts.py: what a
                                CSV holds; parquet.py
column_types.py, derivation.py  derive the contract's features from the columns; number_texts.py: numbers as people
                                write them; decisions.py: what is told of each column; overrides.py: what the user
                                declares
conversion.py, dataset.py       from a frame to a matrix of codes and a target; target.py: the column to predict;
                                leakage.py: columns that give the target away
families.py, preprocessing.py   make an unfitted Pipeline for a contract and a model family
fitting.py, search.py           split, fit, measure; cross-validate, search settings
threshold.py, diagnosis.py      decide by a threshold; find the columns that a contract leaves too open, by trying
evaluation.py, quality_gates.py metrics on held-out rows; models that are refused
compiler/, parity/              compile the pipeline to a graph; compare the two; engine_choice.py: which one is served
reference.py, sampling.py       the training distribution, for drift; the golden rows
card.py, plots.py               the model card
publishing.py, console.py       write the artifact and its route; print steps, warnings and the summary
errors.py                       the error that every step raises when it refuses
"""
