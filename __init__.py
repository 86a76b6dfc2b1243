"""Xelith: X-ray CT of lithium solid-state cells, from raw projections to a lithium balance."""

__version__ = "0.1.0"
