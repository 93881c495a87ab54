"""Simulate detector noise with glitches of every class in it."""
