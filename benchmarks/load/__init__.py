"""The two load tools: wrk (closed loop) for ceilings, and an open loop of ours for latency from the due time."""
