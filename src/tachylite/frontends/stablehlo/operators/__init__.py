"""StableHLO's operators by families."""
