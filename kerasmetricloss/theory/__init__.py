"""Placeholder for theory."""
