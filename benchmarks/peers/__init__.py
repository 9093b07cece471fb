"""What people would pick instead, each in a virtual environment of its own: ``python -m benchmarks.peers``."""
