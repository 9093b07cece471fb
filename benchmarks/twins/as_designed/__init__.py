"""The seed document's FastAPI service to the letter; where the seed is silent, what its readers would write."""
