"""Placeholder for metrics."""
