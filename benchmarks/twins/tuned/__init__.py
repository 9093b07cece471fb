"""The FastAPI twin as an expert would make it; tests/benchmarks/deviations.json lists where it answers otherwise."""
