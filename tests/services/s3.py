"""An S3 API over HTTP on this machine: moto in a process of its own, on a free port."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

import boto3

if TYPE_CHECKING:
    from collections.abc import Iterator

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "us-west-2",
    "AWS_DEFAULT_REGION": "us-west-2",
    "AWS_EC2_METADATA_DISABLED": "true",
}
_STARTED = re.compile(r"Running on (http://127\.0\.0\.1:\d+)")


@dataclass(frozen=True)
class S3Server:
    """A running server. Any credentials do; `CREDENTIALS` are some for the environment."""

    url: str

    def create_bucket(self, name: str) -> None:
        client = boto3.session.Session().client(
            "s3",
            endpoint_url=self.url,
            region_name="us-west-2",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
        client.close()


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """Start a server, and end it on leaving. Takes about a second: share it within a module."""
    with tempfile.TemporaryFile("a+") as log:
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"],
            stdout=subprocess.DEVNULL,
            stderr=log,
            env=os.environ | {"PYTHONWARNINGS": "ignore"},
        )
        try:
            yield S3Server(_address(process, log))
        finally:
            process.terminate()
            process.wait(10)


def _address(process: subprocess.Popen[bytes], log: TextIO, patience: float = 30) -> str:
    """Wait for the line of the log that names the port."""
    deadline = time.monotonic() + patience
    while process.poll() is None and time.monotonic() < deadline:
        log.seek(0)
        if found := _STARTED.search(log.read()):
            return found[1]
        time.sleep(0.02)
    log.seek(0)
    raise RuntimeError(f"the S3 server did not start:\n{log.read()}")
