"""Cases; for other compiled modules only."""
