"""The two instruments: wrk for ceilings, closed loop, and an open loop of ours for latency, timed from intent."""
