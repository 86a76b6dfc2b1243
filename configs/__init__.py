"""Commented example configurations that ship with the package."""
