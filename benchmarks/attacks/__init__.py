"""Hostile and impatient clients: what an ordinary client has to wait meanwhile, under our worker and under gthread."""
