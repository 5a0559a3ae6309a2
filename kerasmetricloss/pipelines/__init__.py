"""Placeholder for pipelines."""
