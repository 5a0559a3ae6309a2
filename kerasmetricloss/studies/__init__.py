"""Placeholder for studies."""
