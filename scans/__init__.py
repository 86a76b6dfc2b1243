"""Raw data in: the scan record, the geometry, and the readers that fill them."""
