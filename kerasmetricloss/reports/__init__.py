"""Placeholder for reports."""
