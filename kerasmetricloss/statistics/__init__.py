"""Placeholder for statistics."""
