"""What `flask models rollout` promises, measured: how often it errs, what changes of version cost, what it prints."""
