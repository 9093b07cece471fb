"""The FastAPI twin as an expert would make it; it answers what SPEC.md promises, or says in the deviations why not."""
