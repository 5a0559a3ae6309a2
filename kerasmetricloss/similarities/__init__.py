"""Placeholder for similarities."""
