"""The files as data: they agree with the product's defaults and with their page, and make what they say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import hcl2
import pytest
import yaml

from ingest.settings import Settings
from tests.infra.aws_policies import GIVEN_PARTS, MODULE, TEMPLATES, WORDS

ROOT = Path(__file__).parent.parent.parent
FILES = sorted(MODULE.glob("*.tf"))
PAGE = (ROOT / "docs/aws.md").read_text()


def value(found: Any) -> Any:
    """A literal as it is meant; an expression stays `${…}`."""
    if isinstance(found, list):
        return [value(one) for one in found]
    return json.loads(found) if isinstance(found, str) and found.startswith('"') else found


def blocks(kind: str) -> dict[str, dict[str, Any]]:
    """The blocks of a kind in all files, by their labels."""
    found: dict[str, dict[str, Any]] = {}
    for path in FILES:
        for one in hcl2.loads(path.read_text()).get(kind, []):
            labels, block = [], one
            while labelled := [name for name in block if name.startswith('"')]:
                labels.append(value(labelled[0]))
                block = block[labelled[0]]
            found[".".join(labels)] = block
    return found


def arguments(block: dict[str, Any]) -> set[str]:
    return {name for name in block if not name.startswith("__")}


RESOURCES = blocks("resource")
VARIABLES = blocks("variable")


@pytest.mark.parametrize(
    "path", [*FILES, *MODULE.glob("tests/*.hcl"), *MODULE.glob("*.example")], ids=lambda path: path.name
)
def test_a_file_can_be_read(path: Path):
    assert hcl2.loads(path.read_text())


def test_defaults_are_those_of_the_settings_and_of_the_models():
    settings = {name: field.default for name, field in Settings.model_fields.items()}
    models = yaml.safe_load((ROOT / "dbt_project/dbt_project.yml").read_text())["vars"]
    defaults = {name: value(one.get("default")) for name, one in VARIABLES.items()}
    assert defaults["bucket"] == settings["s3_bucket_raw_events"]
    assert defaults["prefix"] == settings["s3_prefix"]
    assert defaults["region"] == settings["aws_region"]
    assert defaults["topics"] == settings["kafka_topic_events_raw"].split(",")
    assert defaults["raw_retention_months"] == models["raw_retention_months"] == settings["raw_retention_months"]


def test_a_description_names_only_settings_that_there_are_and_what_snowflake_tells():
    told = {"STORAGE_AWS_IAM_USER_ARN", "STORAGE_AWS_EXTERNAL_ID", "SF_AWS_IAM_USER_ARN", "SF_AWS_EXTERNAL_ID"}
    texts = [value(one["description"]) for one in [*VARIABLES.values(), *blocks("output").values()]]
    named = {name for text in texts for name in re.findall(r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b", text)}
    assert named - told <= {name.upper() for name in Settings.model_fields}
    assert told < named


def test_every_variable_has_a_meaning_a_type_and_a_default_and_takes_no_null():
    for name, one in VARIABLES.items():
        assert value(one["description"]).endswith((".", ".)")), name
        assert "default" in one, name
        assert one["type"], name
        assert one["nullable"] is False, name


def test_the_example_sets_defaults_and_names_variables():
    text = (MODULE / "terraform.tfvars.example").read_text()
    given = {name: value(one) for name, one in hcl2.loads(text).items() if not name.startswith("__")}
    assert given == {name: value(VARIABLES[name]["default"]) for name in given}
    assert set(re.findall(r"^# (\w+) +=", text, re.M)) <= set(VARIABLES)


def test_the_page_has_every_variable_and_every_output_as_the_files_have_them():
    assert rows("Variables") == [
        f"| `{name}` | {shown(value(one['default']))} | {value(one['description'])[:-1]} |"
        for name, one in VARIABLES.items()
    ]
    assert rows("Outputs") == [
        f"| `{name}` | {value(one['description'])[:-1]} |" for name, one in blocks("output").items()
    ]


def rows(heading: str) -> list[str]:
    section = PAGE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"^\| `.*$", section, re.M)


def shown(default: Any) -> str:
    if default in ("", [], {}):
        return ""
    text = json.dumps(default) if isinstance(default, list | bool) else str(default)
    return f"`{text}`"


def test_the_bucket_is_private_versioned_encrypted_and_not_emptied_by_terraform():
    assert RESOURCES["aws_s3_bucket.raw"]["force_destroy"] is False
    block = RESOURCES["aws_s3_bucket_public_access_block.raw"]
    names = ["block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"]
    assert [block[name] for name in names] == [True] * 4
    [ownership] = RESOURCES["aws_s3_bucket_ownership_controls.raw"]["rule"]
    assert value(ownership["object_ownership"]) == "BucketOwnerEnforced"
    [versioning] = RESOURCES["aws_s3_bucket_versioning.raw"]["versioning_configuration"]
    assert value(versioning["status"]) == "Enabled"
    [encryption] = RESOURCES["aws_s3_bucket_server_side_encryption_configuration.raw"]["rule"]
    assert encryption["bucket_key_enabled"] is True
    [default] = encryption["apply_server_side_encryption_by_default"]
    assert value(default["sse_algorithm"]) == "aws:kms"
    assert default["kms_master_key_id"] == "${local.key_arn}"
    assert RESOURCES["aws_kms_key.raw"]["enable_key_rotation"] is True


def test_the_queue_is_told_of_new_parquet_objects_below_the_prefix():
    [queue] = RESOURCES["aws_s3_bucket_notification.raw"]["queue"]
    assert queue["queue_arn"] == "${var.snowpipe_queue_arn}"
    assert value(queue["events"]) == ["s3:ObjectCreated:*"]
    assert queue["filter_prefix"] == "${local.root}"
    assert value(queue["filter_suffix"]) == ".parquet"


def test_a_rule_hides_objects_when_their_time_is_over_and_drops_their_bytes_later():
    rules = RESOURCES["aws_s3_bucket_lifecycle_configuration.raw"]
    [each] = [one['"rule"'] for one in rules["dynamic"]]
    assert each["for_each"] == "${local.expiring}"
    [content] = each["content"]
    assert content["filter"][0]["prefix"] == "${rule.value}"
    assert content["expiration"][0]["days"] == "${local.raw_expiration_days}"
    assert content["noncurrent_version_expiration"][0]["noncurrent_days"] == "${var.noncurrent_version_days}"
    [leftovers] = rules["rule"]  # the one rule that `_probe/` is under too: it may take neither objects nor versions
    assert arguments(leftovers) == {"id", "status", "filter", "abort_incomplete_multipart_upload", "expiration"}
    assert arguments(leftovers["expiration"][0]) == {"expired_object_delete_marker"}


def test_every_template_is_used_and_names_only_known_words():
    names = {path.name.removesuffix(".json.tftpl") for path in TEMPLATES.iterdir()}
    used = (MODULE / "policies.tf").read_text()
    assert names == {part for parts in GIVEN_PARTS.values() for part in parts} | {"key", "trust_account"}
    assert all(f'"{name}"' in used or f"/{name}.json.tftpl" in used for name in names)
    named = {word for path in TEMPLATES.iterdir() for word in re.findall(r"\$\{(.*?)\}", path.read_text())}
    assert named == set(WORDS)


def test_every_policy_is_given_to_what_it_is_for():
    policies = ("policy", "assume_role_policy")
    given = {
        resource: {argument: block[argument] for argument in policies if argument in block}
        for resource, block in RESOURCES.items()
        if any(argument in block for argument in policies)
    }
    assert given == {
        "aws_s3_bucket_policy.raw": {"policy": '${local.policies["bucket"]}'},
        "aws_kms_key.raw": {"policy": "${local.key_policy}"},
        "aws_iam_role.writer": {"assume_role_policy": '${local.policies["writer_trust"]}'},
        "aws_iam_policy.writer": {"policy": '${local.policies["writer"]}'},
        "aws_iam_policy.retention_audit": {"policy": '${local.policies["retention_audit"]}'},
        "aws_iam_policy.retention_apply": {"policy": '${local.policies["retention_apply"]}'},
    } | {
        f"{kind}.{role}": {argument: f'${{local.policies["{role}{suffix}"]}}'}
        for role in ("storage", "errors")
        for kind, argument, suffix in [
            ("aws_iam_role", "assume_role_policy", "_trust"),
            ("aws_iam_role_policy", "policy", ""),
        ]
    }
    assert {role: RESOURCES[f"aws_iam_role_policy.{role}"]["role"] for role in ("storage", "errors")} == {
        role: f"${{aws_iam_role.{role}.id}}" for role in ("storage", "errors")
    }
    attachment = RESOURCES["aws_iam_role_policy_attachment.writer"]
    assert attachment["role"] == "${aws_iam_role.writer.name}"
    assert attachment["policy_arn"] == "${aws_iam_policy.writer.arn}"


def test_nothing_of_a_machine_or_an_account_is_in_the_files():
    kinds = (".tf", ".hcl", ".tftpl", ".example")
    for path in (one for one in MODULE.rglob("[!.]*") if one.suffix in kinds and ".terraform" not in one.parts):
        text = path.read_text()
        assert set(re.findall(r"\b\d{12}\b", text)) <= {"111122223333", "444455556666", "555555555555"}, path
        assert "backend " not in text, path
