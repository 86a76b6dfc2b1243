"""µ in, phases out."""
