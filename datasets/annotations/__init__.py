"""One reader per published annotation format, and the drawn split; see `formats`."""
