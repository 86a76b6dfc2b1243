"""Starts, schedules, stores and shows a run."""
