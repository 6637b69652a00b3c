"""Terraform at work on what of `infra/aws` is computed from variables alone: there, it needs no provider.

Files without a resource are copied beside a stand-in for what only AWS knows, and applied.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.infra.aws_policies import ACCOUNT, KEY, MODULE

if TYPE_CHECKING:
    from pathlib import Path

needs_terraform = pytest.mark.skipif(
    shutil.which("terraform") is None, reason="terraform is not on PATH: Terraform's own reading is not checked"
)
PURE: Final = ("variables.tf", "names.tf", "retention.tf", "policies.tf")
STAND_IN: Final = f"""
locals {{
  account_id = "{ACCOUNT}"
  partition  = "aws"
  dns_suffix = "amazonaws.com"
  key_arn    = "{KEY}"
}}
output "policies" {{ value = local.policies }}
output "key_policy" {{ value = local.key_policy }}
output "days" {{ value = local.raw_expiration_days }}
output "expiring" {{ value = local.expiring }}
"""


class RefusedError(Exception):
    """Terraform turned a variable down; the text is its own, on one line."""


def terraform(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    # no settings of this machine: they may name mirrors
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    return subprocess.run(
        ["terraform", *arguments],
        cwd=cwd,
        env=environment | {"TF_CLI_CONFIG_FILE": os.devnull, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"},
        text=True,
        capture_output=True,
        timeout=120,
        check=False,
    )


def prepare(folder: Path) -> Path:
    """A folder that `computed` works in."""
    for name in PURE:
        shutil.copy(MODULE / name, folder)
    shutil.copytree(MODULE / "policies", folder / "policies")
    (folder / "stand_in.tf").write_text(STAND_IN)
    done = terraform("init", "-no-color", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def computed(folder: Path, **variables: Any) -> dict[str, Any]:
    """What the files make of these variables. Raises `RefusedError`."""
    (folder / "terraform.tfvars.json").write_text(json.dumps(variables))
    done = terraform("apply", "-no-color", "-auto-approve", "-input=false", cwd=folder)
    if done.returncode:
        raise RefusedError(" ".join(done.stderr.split()))
    shown = json.loads(terraform("output", "-json", cwd=folder).stdout)
    return {name: output["value"] for name, output in shown.items()}
