"""The fixed words of docs/performance.md."""

from __future__ import annotations

HEAD = """\
# Performance

Made by `python -m benchmarks report` from `benchmarks/results/latest.json`; `make bench` measures. A figure in
records a second says something about one machine on one day. What carries over is how two contestants of one run
compare: they read the same topic in turn, round by round, each as a process of its own, the broker on the same cores.

Measured on {machine}, with {versions}.

* **records/s**: from a contestant's first record to its last, start-up apart. For `ingest consume` from the opening
  of its first partition to its last stored object, for those that write files to the last one's time, for those that
  only count to the last record. Each is told how many records there are, or the wait for the topic's end (up to half
  a second) would count.
* **CPU s / million**: user and system time of the process, start included, for a million records; the broker's and
  the store's apart.
* **peak MB**: resident memory of the process and of all that it starts, together.
* Everyone's rows are counted in the files that they leave. Who leaves too few or too many is void. Quix Streams and
  bytewax can be told the rows of a file only about. Bento does not say when its first record came: it goes by its
  pace from its first file to its last.
* The peers' fetch settings are their own. Loops written by hand run with librdkafka's, and *tuned* with those of
  `ingest`. zstd is of level 1. As they are run here only `ingest consume` stores each record exactly once whatever
  fails; the others at least once at best."""

#: Each section's heading and words, in order.
PARTS = {
    "contest": (
        "Side by side",
        "The same work: JSON becomes typed columns (ids, type, time, `data` and `metadata` as text, offset), "
        "these become Parquet, and the offsets are committed after the file. The counting programs do none of "
        "it: they are the limit of the client library.",
    ),
    "targets": (
        "What was asked",
        "At 400 B and 4 partitions, medians. Where it is missed: the limit was 950,000 records a second when this "
        "was asked for, of a C program with the client's own settings; with ours it counts twice as many. A consumer "
        "that makes Python objects of records, checks each and compresses them can't come near to one that does "
        "nothing with them: below is what it does. The best loop by hand was one with Python's json then; orjson and "
        "our client settings have doubled it. With 150 ms a put, one object of each partition at a time is "
        "4 x 10,000 / (150 ms + encode): larger batches, or more partitions.",
    ),
    "profile": (
        "Where the time goes",
        "Processor time of `ingest consume` (10,000 rows a file, zstd, folder) in microseconds a record, its start "
        "apart, taken by clocks at its steps, which cost a little themselves. The two cores also have the broker's "
        "half a microsecond a record. The limit that counts in C has only the client's threads' work to do.",
    ),
    "bounds": (
        "",
        "Spread evenly over the cores, with the broker's share, that allows {most}; in brackets if the main thread, "
        "which takes over and reads, cost nothing. More cores than two help as far as the main thread's sum.",
    ),
    "workloads": (
        "Other records",
        "One thing changed at a time: size, partitions, share of bad records, the producer's compression. "
        "A bad record is a row with its "
        "bytes, in `ingest consume` and in the loops; 10,000 rows a file, zstd, folder.",
    ),
    "scaling": (
        "More processes",
        "Members of one group, started together, to the end of the topic; they share the cores with the broker.",
    ),
    "simulation": (
        "",
        "Beyond that machine one can only calculate. A process brings {client:,} records a second, as measured above "
        "with one (less than side by side above, for members of a group start on a busy machine); a partition has "
        "one unresolved put at a time. So the "
        "rate is the lesser of processes x client and partitions x rows / (encode + put). A simulation of the "
        "queues, and in brackets the arithmetic:",
    ),
    "memory": (
        "Memory",
        "`ingest consume` over a long backlog: the median of resident memory in each tenth of the run, in MB.",
    ),
    "load": (
        "Into DuckDB",
        "`ingest load` of what `ingest consume` stored into a new warehouse, the start apart.",
    ),
    "dbt": (
        "dbt build",
        "The whole project with its tests on DuckDB, dbt's start included: first a full refresh, then a new "
        "day for 1 %, 10 % and all of the learners, one after the other. rows/s is of new events. Models and tests: "
        "seconds of their nodes, summed over dbt's two threads. DuckDB may take 8 GB "
        "(`settings: {memory_limit: 8GB}` in the profile) and spills to disk beyond. Data tests read whole tables; "
        "`dbt run` leaves them out (the models' page says when to run which).",
    ),
}

SENTENCE = {
    "of_c": "**{:.2f}** of counting in C",
    "of_python": "**{:.2f}** of counting in Python",
    "of_hand_written": "**{:.2f}** times the best loop written by hand",
}
