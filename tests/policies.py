"""What the functions ask AWS for, compared with what template.yaml grants them.

    TRIBUTARY_TEST_CALLS=target/calls cargo nextest run --workspace --test processes
    python tests/policies.py target/calls

Every request of every function's process is in that folder as the action and the resource that IAM would check
(tests/src/permissions.rs). Asked for and not granted fails; granted and never asked for fails too, unless NEVER_ASKED_FOR
says why it is granted all the same.
"""

import fnmatch
import json
import sys
from pathlib import Path

from template import FUNCTIONS, QUEUES, RESOURCES, listed, plain

# (functions, action, place) with wildcards: why the role has it although the tests' processes never ask for it.
NEVER_ASKED_FOR = {
    ("*", "logs:*", "*"): "the Lambda service writes the logs under the function's role",
    ("*", "kms:*", "KmsKeyArn"): "S3, DynamoDB, SQS and Secrets Manager use the operator's key under the function's role",
    ("*-sync", "sqs:*", "*"): "the Lambda service polls the queue under the function's role",
    # A system's role does not depend on which of its sources there are yet: another one needs no new policy.
    ("helpdesk-sync", "dynamodb:Query", "StateTable"): "rosters: no stream of Zendesk needs one, as it tells of deletions",
    ("helpdesk-sync", "dynamodb:BatchWriteItem", "StateTable"): "the same",
    ("lake", "s3:ListBucket", "Bucket"): "S3 asks for it before it says that an object is missing (404), not forbidden (403)",
    ("lake", "s3:AbortMultipartUpload", "Bucket/lake/*"): "checkpoints over 10 MB go up in parts, given up when one fails",
}

# A test of another SecretsPrefix uses this one; no role of the template as it stands grants it.
ANOTHER_PREFIX = "secret/acme/"

# What the tests call the deployment.
PARAMETERS = {"${AWS::StackName}": "tributary", "${SecretsPrefix}": "tributary", "${ConfigKey}": "tributary.toml"}


def known(text):
    for name, value in PARAMETERS.items():
        text = text.replace(name, value)
    return text


def patterns(statement):
    """The resources of a statement as the recorder writes them."""
    prefixes = statement.get("Condition", {}).get("StringLikeIfExists", {}).get("s3:prefix")
    for place in map(plain, listed(statement["Resource"])):
        if place in QUEUES:
            yield "queue/" + known(QUEUES[place]["Properties"]["QueueName"]["Fn::Sub"])
        elif prefixes:
            # A condition "if exists" allows the request that names no prefix.
            yield from [place, *(f"{place}?prefix={prefix}" for prefix in prefixes)]
        else:
            yield known(place)


def granted(role):
    """(action, {its patterns, by the resource that the template names})"""
    for policy in RESOURCES[role]["Properties"]["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            statement = statement["Fn::If"][1] if "Fn::If" in statement else statement
            for action in listed(statement["Action"]):
                for place in patterns(statement):
                    yield action, place


def fits(asked, grant):
    return asked[0] == grant[0] and fnmatch.fnmatchcase(asked[1], grant[1])


def main(folder):
    asked = {}
    for file in sorted(Path(folder).glob("*.ndjson")):
        for line in map(json.loads, file.read_text().splitlines()):
            if line["resource"].startswith(ANOTHER_PREFIX):
                continue
            asked.setdefault(line["function"], set()).add((line["action"], line["resource"]))
    wrong, explained = [], set()
    for name, function in FUNCTIONS.items():
        binary = function["Metadata"]["BuildProperties"]["Binary"]
        calls, grants = asked.get(binary, set()), list(granted(function["Properties"]["Role"]["Fn::GetAtt"][0]))
        if not calls:
            wrong.append(f"{binary}: the tests never ran it")
            continue
        for call in sorted(calls):
            if not any(fits(call, grant) for grant in grants):
                wrong.append(f"{binary} asks for {call[0]} on {call[1]}, which {name}Role does not grant")
        for grant in grants:
            reasons = [
                key for key in NEVER_ASKED_FOR
                if all(fnmatch.fnmatchcase(is_, like) for is_, like in zip((binary, *grant), key))
            ]
            used = any(fits(call, grant) for call in calls)
            explained.update(reasons)
            if used and reasons:
                wrong.append(f"{binary}: {grant[0]} on {grant[1]} is asked for; take it out of NEVER_ASKED_FOR")
            if not used and not reasons:
                wrong.append(f"{binary} never asks for {grant[0]} on {grant[1]}; take it from the role or say why not")
    wrong += [f"NEVER_ASKED_FOR explains {key}, which nobody is granted" for key in NEVER_ASKED_FOR.keys() - explained]
    for line in wrong:
        print(f"WRONG {line}")
    if wrong:
        sys.exit(1)
    print(f"ok    {len(asked)} functions ask for what they are granted, and are granted what they ask for")


if __name__ == "__main__":
    main(sys.argv[1])
