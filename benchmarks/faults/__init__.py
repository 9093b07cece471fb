"""Break the running service under a checked load, and write what that cost: ``python -m benchmarks.faults``."""
