"""Runs of this process: what commands need to leave job records."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from ingest import __version__
from ingest.cli.wiring import SystemClock

if TYPE_CHECKING:
    from ingest.chain import Store
    from ingest.jobs import JobType, Run
    from ingest.recorder import Recorder


def run_of(job_type: JobType) -> Run:
    """A run that starts now."""
    from ingest.jobs import Run

    return Run(job_type, __version__, SystemClock().now(), uuid.uuid4().hex[:12])


def recorder_of(store: Store, job_type: JobType) -> Recorder:
    """What leaves the records of a run that starts now in the store."""
    from ingest.recorder import Recorder

    return Recorder(store, run_of(job_type), SystemClock().now)
