"""What the consumer costs, measured beside the client's own limit and beside other ways, in one run.

`python -m benchmarks --help`. Nothing here is part of `ingest`, and `ingest` knows nothing of it.
"""
