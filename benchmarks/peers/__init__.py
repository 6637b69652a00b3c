"""The contestants' own programs, each run as a script by the Python that has what it needs. None imports `ingest`."""
