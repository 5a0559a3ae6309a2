"""Placeholder for losses."""
