"""Trained weights that ship with the package, as safetensors."""
