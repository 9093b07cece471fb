"""Who may call, and how often: tokens and rate limits. It knows no HTTP; ``web`` turns its results into headers."""
