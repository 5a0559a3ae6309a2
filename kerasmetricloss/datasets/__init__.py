"""Placeholder for datasets."""
