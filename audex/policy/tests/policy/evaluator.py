"""Decides by MiniStack's IAM evaluator: reads documents and points as JSON, writes what is allowed.

The document is a session policy of a role that may do everything, so the answer is the document's.
"""

import json
import sys

from ministack.core.iam_evaluator import EvalContext, evaluate, parse_policy_document, validate_policy_document

EVERYTHING = parse_policy_document({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})


def allows(session, action, resource):
    context = EvalContext(
        principal_arn="arn:aws:sts::123456789012:assumed-role/test/test",
        principal_type="AssumedRole",
        principal_account="123456789012",
        action=action,
        resource_arn=resource,
        region="eu-west-1",
    )
    return evaluate(context, [EVERYTHING], [session]).decision == "Allow"


def decide(case):
    error = validate_policy_document(case["document"])
    if error:
        raise SystemExit(f"{error}: {case['document']}")
    session = parse_policy_document(case["document"])
    return [allows(session, action, resource) for action, resource in case["points"]]


json.dump([decide(case) for case in json.load(sys.stdin)], sys.stdout)
