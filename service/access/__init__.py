"""Who may ask, and how often: tokens and rates. Knows nothing of HTTP; ``web`` turns its answers into headers."""
