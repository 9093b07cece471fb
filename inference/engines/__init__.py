"""What runs a loaded model: one protocol, two engines, the same answers."""
