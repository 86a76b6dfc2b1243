"""Facts of the cell and the beam: phases, attenuation, gas density, spectra, lithium per charge."""
