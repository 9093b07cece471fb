"""Judging a new version against the stable one while both answer: tallies, sequential statistics, verdicts, state."""
