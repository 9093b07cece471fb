"""What the service says of itself: metrics for Prometheus, one log line an event."""
