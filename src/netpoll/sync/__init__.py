"""Goroutines that work together: channels, locks, groups."""
