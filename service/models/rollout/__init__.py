"""Rolling a version out by evidence: what this host's workers counted, what was recorded, and the steps."""
