"""Placeholder for models."""
