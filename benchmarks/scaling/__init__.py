"""What large loads need, computed from what the lab measured: ``formulas``, and the ``tables`` of docs/scaling.md."""
