"""Projections in, µ in cm^-1 out: corrections, centre, filtered back-projection."""
