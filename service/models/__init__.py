"""What this worker has loaded: read, verified, swapped, and which version answers whom."""
