"""How a loaded artifact is asked: one protocol, two engines, the same answers."""
