"""The policies of `infra/aws` as Terraform renders them: JSON files with ${words}, joined to documents.

`WORDS` are what `infra/aws/policies.tf` makes of the defaults in account 111122223333, `PARTS` what each document is
made of. test_aws_terraform.py holds both against Terraform itself.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

MODULE: Final = Path(__file__).parent.parent.parent / "infra/aws"
TEMPLATES: Final = MODULE / "policies"

ACCOUNT: Final = "111122223333"
BUCKET: Final = "arn:aws:s3:::aivo-data-raw"
KEY: Final = f"arn:aws:kms:us-west-2:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
TOPIC: Final = f"arn:aws:sns:us-west-2:{ACCOUNT}:aivo-errors"
ROOT_USER: Final = f"arn:aws:iam::{ACCOUNT}:root"
ADMIN: Final = f"arn:aws:iam::{ACCOUNT}:role/admin"
SNOWFLAKE: Final = "arn:aws:iam::444455556666:user/abcd0000-s"
OIDC: Final = f"arn:aws:iam::{ACCOUNT}:oidc-provider/oidc.eks.us-west-2.amazonaws.com/id/EXAMPLE"
CONSUMER: Final = f"arn:aws:iam::{ACCOUNT}:role/consumer"
SUBJECT: Final = "system:serviceaccount:learner-events:ingest-consumer"

WORDS: Final[dict[str, str]] = {
    "account_root": ROOT_USER,
    "bucket_arn": BUCKET,
    "root": "events/",
    "key_arn": KEY,
    "s3_service": "s3.us-west-2.amazonaws.com",
    "sns_service": "sns.us-west-2.amazonaws.com",
    "error_topic_arn": TOPIC,
    "oidc_provider_arn": "",
    "oidc_issuer": "",
    "oidc_audience": "sts.amazonaws.com",
    "oidc_subjects": "[]",
    "writer_services": "[]",
    "writer_principals": "[]",
    "unbound": json.dumps([ROOT_USER]),
    "list_condition": "StringLike",
    "storage_user_arn": "",
    "storage_external_id": "",
    "errors_user_arn": "",
    "errors_external_id": "",
}
#: What the words become when every variable of the second apply and of the guards is given.
GIVEN: Final[dict[str, str]] = {
    "oidc_provider_arn": OIDC,
    "oidc_issuer": OIDC.partition("oidc-provider/")[2],
    "oidc_subjects": json.dumps([SUBJECT]),
    "writer_services": '["ec2.amazonaws.com"]',
    "writer_principals": json.dumps([CONSUMER]),
    "unbound": json.dumps([ROOT_USER, ADMIN]),
    "storage_user_arn": SNOWFLAKE,
    "storage_external_id": "ACCOUNT_SFCRole=2_example=",
    "errors_user_arn": SNOWFLAKE,
    "errors_external_id": "ACCOUNT_SFCRole=3_example=",
}
PARTS: Final[dict[str, list[str]]] = {
    "writer": ["writer"],
    "storage": ["storage"],
    "errors": ["errors"],
    "retention_audit": ["retention_audit"],
    "retention_apply": ["retention_apply"],
    "bucket": ["bucket_tls", "bucket_conditional_writes"],
    "storage_trust": ["trust_account"],
    "errors_trust": ["trust_account"],
    "writer_trust": ["trust_account"],
}
GIVEN_PARTS: Final[dict[str, list[str]]] = PARTS | {
    "bucket": ["bucket_tls", "bucket_conditional_writes", "bucket_no_deletes"],
    "storage_trust": ["trust_storage"],
    "errors_trust": ["trust_errors"],
    "writer_trust": ["trust_oidc", "trust_services", "trust_principals"],
}

Document = dict[str, Any]


def policy(*parts: str, **words: str) -> Document:
    """The document of these parts, in which `words` take the place of the defaults'."""
    known = WORDS | words
    statements: list[Any] = []
    for part in parts:
        text = (TEMPLATES / f"{part}.json.tftpl").read_text()
        statements += json.loads(re.sub(r"\$\{(\w+)\}", lambda found: known[found[1]], text))
    return {"Version": "2012-10-17", "Statement": statements}
