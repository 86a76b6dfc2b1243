"""Known truth: cells with exact phases and the scans they would give. Shares no code with reconstruction."""
