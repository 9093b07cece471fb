"""Public tables and pipelines written as people write them, packed, served and compared on every row.

``python -m tests.strangers`` compares all pairs and writes benchmarks/results/strangers.{json,md}.
"""
