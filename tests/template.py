"""What template.yaml must hold: run `python tests/template.py` (needs pyyaml; cfn-lint is run too where it is installed).

`--all-on` prints the template with every system switched on, for tools that leave out what is off.
"""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "template.yaml"
SYSTEMS = ["email", "helpdesk", "pos", "crm", "social"]

# What each kind of function may do: action, where, and which call of the code needs it. Nothing else is granted, so
# that whoever widens a policy widens this table, and a reviewer sees it.
LOG = {
    ("logs:CreateLogStream", "its own log group"): "the Lambda service writes the logs under the function's role",
    ("logs:PutLogEvents", "its own log group"): "the Lambda service writes the logs under the function's role",
}
KEY = {
    ("kms:Decrypt", "KmsKeyArn"): "reading what a key of the operator's encrypts; only where there is one",
    ("kms:GenerateDataKey", "KmsKeyArn"): "writing objects and messages under that key",
}
SYNC = LOG | KEY | {
    ("s3:GetObject", "Bucket/${ConfigKey}"): "lambda.rs: read_settings; current.rs: is_latest (HeadObject asks for the same)",
    ("s3:PutObject", "Bucket/raw/*"): "landing: raw",
    ("s3:PutObject", "Bucket/landing/*"): "landing: land_rows",
    ("s3:PutObject", "Bucket/quarantine/*"): "landing: land",
    ("s3:PutObject", "Bucket/reports/*"): "landing: land, report",
    ("s3:PutObject", "Bucket/rows/*"): "landing: land, rows too large for an item",
    ("dynamodb:GetItem", "StateTable"): "state.rs: item",
    ("dynamodb:PutItem", "StateTable"): "state.rs: finish, see_delivery",
    ("dynamodb:UpdateItem", "StateTable"): "state.rs: lease, save, finish, delivery_done, tokens",
    ("dynamodb:Query", "StateTable"): "roster.rs: page",
    ("dynamodb:BatchWriteItem", "StateTable"): "roster.rs: write_batch",
    ("dynamodb:BatchGetItem", "CustomersTable"): "records.rs: known; live.rs: read",
    ("dynamodb:Query", "CustomersTable"): "live.rs: carriers",
    ("dynamodb:PutItem", "CustomersTable"): "records.rs: put, and the puts of put_with_companions' transaction; told.rs: remember",
    ("dynamodb:UpdateItem", "CustomersTable"): "told.rs: settle; ruled.rs: settle_ruling",
    ("dynamodb:DeleteItem", "CustomersTable"): "records.rs: the deletes of put_with_companions' transaction",
    ("secretsmanager:GetSecretValue", "secret/${SecretsPrefix}/<function>/*"): "secrets.rs: credentials of the connections",
    ("secretsmanager:GetSecretValue", "secret/${SecretsPrefix}/identity-key"): "config.rs: unlock",
    ("secretsmanager:GetSecretValue", "secret/${SecretsPrefix}/tokens/*"): "vault.rs: load",
    ("secretsmanager:PutSecretValue", "secret/${SecretsPrefix}/tokens/*"): "vault.rs: save",
    ("secretsmanager:CreateSecret", "secret/${SecretsPrefix}/tokens/*"): "vault.rs: save, the first time",
}
INBOX = {
    ("s3:GetObject", "Bucket/deliveries/*"): "lambda/queue.rs: open, deliveries too large for a message",
    ("sqs:ReceiveMessage", "its own queue"): "the Lambda service polls under the function's role",
    ("sqs:DeleteMessage", "its own queue"): "the Lambda service removes what has landed",
    ("sqs:GetQueueAttributes", "its own queue"): "the Lambda service polls under the function's role",
}
DOOR = LOG | KEY | {
    ("s3:GetObject", "Bucket/${ConfigKey}"): "lambda.rs: read_settings; current.rs: is_latest (HeadObject asks for the same)",
    ("s3:PutObject", "Bucket/deliveries/*"): "lambda/queue.rs: accept, deliveries too large for a message",
    ("sqs:SendMessage", "its own queue"): "lambda/queue.rs: accept",
    ("secretsmanager:GetSecretValue", "secret/${SecretsPrefix}/<function>/*"): "receive.rs: take, signing secrets",
}
LAKE = LOG | KEY | {
    ("s3:GetObject", "Bucket/landing/*"): "committer.rs: read",
    ("s3:GetObject", "Bucket/reports/*"): "committer.rs: read",
    ("s3:GetObject", "Bucket/manifests/*"): "manifest.rs: read, is_done",
    ("s3:GetObject", "Bucket/lake/*"): "table.rs: logs and files",
    ("s3:ListBucket", "Bucket"): "place.rs: list; the crate of the tables lists logs and files",
    ("s3:PutObject", "Bucket/manifests/*"): "manifest.rs: write, finish",
    ("s3:PutObject", "Bucket/lake/*"): "table.rs: files, commits, checkpoints",
    ("s3:AbortMultipartUpload", "Bucket/lake/*"): "checkpoints over 10 MB are uploaded in parts",
    ("s3:DeleteObject", "Bucket/landing/*"): "committer.rs: batch",
    ("s3:DeleteObject", "Bucket/reports/*"): "committer.rs: batch",
    ("s3:DeleteObject", "Bucket/manifests/*"): "manifest.rs: forget_before",
    ("s3:DeleteObject", "Bucket/lake/*"): "housekeeping.rs: vacuum, cleanup_metadata",
}
LOOKUP = LOG | KEY | {
    ("s3:GetObject", "Bucket/${ConfigKey}"): "settings, and whether they changed",
    ("s3:PutObject", "Bucket/landing/identity/people/*"): "telling.rs: land_news, what a ruling did to people",
    ("dynamodb:BatchGetItem", "CustomersTable"): "items.rs: get, records of a person",
    ("dynamodb:Query", "CustomersTable"): "items.rs: query, everything under a key",
    ("dynamodb:PutItem", "CustomersTable"): "ruled.rs: rule, and its line in the audit; records.rs: put; told.rs: remember",
    ("dynamodb:UpdateItem", "CustomersTable"): "ruled.rs: rule, under each record, and settle_ruling",
    ("secretsmanager:GetSecretValue", "secret/${SecretsPrefix}/identity-key"): "addresses become keys",
}


class Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms."""


def short_form(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


Loader.add_multi_constructor("!", short_form)


def listed(value):
    return value if isinstance(value, list) else [value]


def plain(value):
    """An ARN as the tables above write it."""
    match value:
        case {"Fn::GetAtt": [name, "Arn"]}:
            return name
        case {"Fn::Sub": text}:
            text = text.replace("${Bucket.Arn}", "Bucket")
            secret = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:"
            return text.replace(secret, "secret/").removesuffix("-??????")
        case {"Ref": name}:
            return name
        case text:
            return str(text)


def granted(role):
    """Pairs of action and place, of a role of ours."""
    pairs = []
    for policy in role["Properties"]["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            if "Fn::If" in statement:
                condition, statement, otherwise = statement["Fn::If"]
                assert condition == "HasKey" and otherwise == {"Ref": "AWS::NoValue"}, condition
            assert statement["Effect"] == "Allow"
            for action in listed(statement["Action"]):
                for place in listed(statement["Resource"]):
                    pairs.append((action, plain(place)))
    return pairs


def kind_of(binary):
    """The expected permissions of a function."""
    system, _, kind = binary.partition("-")
    match kind:
        case "sync":
            return SYNC | INBOX if f"{system}-webhook" in BINARIES else SYNC
        case "webhook":
            return DOOR
    return {"lake": LAKE, "customers": LOOKUP}[binary]


def statements(value):
    """Every policy statement, wherever it stands."""
    if isinstance(value, dict):
        if "Effect" in value and "Action" in value:
            yield value
        for inner in value.values():
            yield from statements(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from statements(inner)


def find(map_name, value, parameter):
    """The numbers that a look-up in a mapping can give, by the parameter's value; one number where there is no look-up."""
    match value:
        case {"Fn::FindInMap": [name, {"Ref": by}, column]}:
            assert name == map_name and by == parameter, value
            return {key: row[column] for key, row in T["Mappings"][name].items()}
        case number:
            return {key: number for key in T["Mappings"][map_name]}


TEXT = TEMPLATE.read_text()
if "--all-on" in sys.argv:
    text = TEXT.replace('AllowedValues: ["off", iam, jwt]\n    Default: "off"', 'AllowedValues: ["off", iam, jwt]\n    Default: iam')
    print(re.sub(r'(AllowedValues: \["on", "off"\]\n    Default: )"off"', r'\1"on"', text), end="")
    sys.exit()
T = yaml.load(TEXT, Loader)
RESOURCES = T["Resources"]
BINARIES = {path.stem for path in ROOT.glob("functions/*/src/bin/*.rs")}
OF = {}
for name, resource in RESOURCES.items():
    OF.setdefault(resource["Type"], {})[name] = resource
FUNCTIONS = OF["AWS::Serverless::Function"]
QUEUES = OF["AWS::SQS::Queue"]
ALARMS = OF["AWS::CloudWatch::Alarm"]


# What the functions write: the name of each metric with its unit, and the sets of dimensions.
METRICS_CODE = (ROOT / "shared/src/metrics.rs").read_text()
EMITTED = dict(re.findall(r'\("(\w+)", Unit::(\w+), ', METRICS_CODE))
DIMENSIONS = {
    name: re.findall(r'"(\w+)"', dimensions)
    for name, dimensions in re.findall(r"const (OF_\w+): &\[&str\] = &\[(.*?)\];", METRICS_CODE)
}


def lifecycle():
    return RESOURCES["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]


CHECKS = []


def check(holds):
    """Something that must hold; its name is what is printed."""
    CHECKS.append(holds)
    return holds


@check
def every_binary_has_a_function_and_every_function_a_binary():
    of_functions = {f["Metadata"]["BuildProperties"]["Binary"] for f in FUNCTIONS.values()}
    assert of_functions == BINARIES, of_functions ^ BINARIES
    for f in FUNCTIONS.values():
        assert f["Metadata"]["BuildMethod"] == "rust-cargolambda"
        binary, crate = f["Metadata"]["BuildProperties"]["Binary"], ROOT / f["Properties"]["CodeUri"]
        assert f["Properties"]["FunctionName"]["Fn::Sub"] == "${AWS::StackName}-" + binary
        assert (crate / "src/bin" / f"{binary}.rs").exists(), binary
        assert "bin" not in tomllib.loads((crate / "Cargo.toml").read_text()), "binaries are named by their files"


@check
def functions_run_as_the_code_expects():
    common = T["Globals"]["Function"]
    assert (common["Runtime"], common["Handler"]) == ("provided.al2023", "bootstrap")
    code = [path.read_text() for path in [*ROOT.glob("shared/src/**/*.rs"), *ROOT.glob("functions/*/src/**/*.rs")]]
    read = set(re.findall(r'(?:env::var|variable)\("(TRIBUTARY_\w+)"\)', "\n".join(code)))
    for_all = {"TRIBUTARY_CONFIG", "TRIBUTARY_BUCKET", "TRIBUTARY_CUSTOMERS_TABLE", "TRIBUTARY_STATE_TABLE"}
    for_metrics = {"TRIBUTARY_METRICS", "TRIBUTARY_DEPLOYMENT", "TRIBUTARY_SYSTEM"}
    required = set(re.findall(r'variable\("(TRIBUTARY_\w+)"\)', (ROOT / "shared/src/lambda.rs").read_text()))
    assert required <= for_all | for_metrics | {"TRIBUTARY_QUEUE_URL"}, required
    for f in FUNCTIONS.values():
        binary = f["Metadata"]["BuildProperties"]["Binary"]
        system, _, kind = binary.partition("-")
        own = f["Properties"].get("Environment", {}).get("Variables", {})
        variables = set(common["Environment"]["Variables"]) | set(own)
        match kind, system:
            case "sync", _:
                needs = for_all | for_metrics | {"TRIBUTARY_TOKENS_PREFIX"}
                assert own["TRIBUTARY_SYSTEM"] == system and own["TRIBUTARY_METRICS"] == {"Ref": "Metrics"}
                assert own["TRIBUTARY_DEPLOYMENT"] == {"Ref": "AWS::StackName"}, "the alarms' dimension"
                place = f"secret/{own['TRIBUTARY_TOKENS_PREFIX']['Fn::Sub']}/*"
                assert ("secretsmanager:PutSecretValue", place) in SYNC, place
            case "webhook", _:
                needs = for_all | {"TRIBUTARY_QUEUE_URL"}
            case _, "lake":
                needs = {"TRIBUTARY_BUCKET"}
            case _:
                needs = for_all
        assert needs <= variables, f"{binary} lacks {needs - variables}"
        assert variables <= read, f"{binary}: nobody reads {variables - read}"


@check
def ticks_say_what_the_binaries_understand():
    tasks = re.search(r"enum Task \{(.*?)\n\}", (ROOT / "functions/lake/src/lambda.rs").read_text(), re.S)
    tasks = {task.lower() for task in re.findall(r"^    (\w+),$", tasks[1], re.M)}
    for name, f in FUNCTIONS.items():
        binary = f["Metadata"]["BuildProperties"]["Binary"]
        ticks = [e["Properties"] for e in f["Properties"].get("Events", {}).values() if e["Type"] == "ScheduleV2"]
        assert bool(ticks) == (binary == "lake" or binary.endswith("-sync")), name
        for tick in ticks:
            assert tick["FlexibleTimeWindow"]["Mode"] == "FLEXIBLE" and tick["RetryPolicy"] and tick["DeadLetterConfig"], name
        inputs = [json.loads(tick["Input"]) for tick in ticks]
        if binary == "lake":
            assert {tick["task"] for tick in inputs} == tasks
            assert f["Properties"]["ReservedConcurrentExecutions"]["Fn::If"][1] == 1
        else:
            assert all(tick == {} for tick in inputs), "an empty tick reads everything"


@check
def policies_are_those_of_the_table():
    for name, f in FUNCTIONS.items():
        binary = f["Metadata"]["BuildProperties"]["Binary"]
        assert "Policies" not in f["Properties"] and f["Properties"]["Role"] == {"Fn::GetAtt": [f"{name}Role", "Arn"]}
        queue = f"{name.removesuffix('Sync').removesuffix('Webhook')}Deliveries"
        words = {f"{name}Logs": "its own log group", queue: "its own queue"}
        words[f"secret/${{SecretsPrefix}}/{binary}/*"] = "secret/${SecretsPrefix}/<function>/*"
        pairs = granted(RESOURCES[f"{name}Role"])
        pairs = [(action, words.get(place, place)) for action, place in pairs]
        assert len(pairs) == len(set(pairs)), f"{binary}: something is granted twice"
        expected = set(kind_of(binary))
        assert set(pairs) == expected, f"{binary}: more {set(pairs) - expected}, less {expected - set(pairs)}"


# Only the command line calls these, with its user's own permissions.
OF_THE_COMMAND_LINE = {
    "head_bucket", "create_bucket", "describe_table", "create_table", "update_time_to_live", "list_objects_v2", "delete_object",
}
OF_THE_STATE_TABLE = {"state.rs", "roster.rs"}
SERVICES = {"object": "s3", "message": "sqs", "secret": "secretsmanager"}


@check
def what_the_code_calls_is_granted():
    found = set()
    for path in ROOT.glob("shared/src/**/*.rs"):
        text = path.read_text()
        named = r"\.(\w+)\(\)\s*\.(?:table_name|bucket|queue_url|secret_id|request_items)\("
        calls = re.findall(named, text) + re.findall(r"\.(create_secret)\(\)", text)
        # A transaction is allowed by the actions in it.
        calls += [f"{verb.lower()}_item" for verb in re.findall(r"\b(Put|Update|Delete|ConditionCheck)::builder\(\)", text)]
        found |= {(call, path) for call in calls if call not in OF_THE_COMMAND_LINE}
    assert len(found) > 12, "the expressions find the calls no longer"
    granted_to_sync_or_door = set(SYNC | INBOX | DOOR)
    nobody_may = []
    for call, path in sorted(found):
        # S3 asks for the same permission to look at an object and to read it.
        action = "get_object" if call == "head_object" else call
        name = "".join(word.capitalize() for word in action.split("_"))
        service = next((of for word, of in SERVICES.items() if word in call), "dynamodb")
        table = "StateTable" if path.name in OF_THE_STATE_TABLE else "CustomersTable"
        fits = [
            place for action, place in granted_to_sync_or_door
            if action == f"{service}:{name}" and (service != "dynamodb" or place == table)
        ]
        if not fits:
            where = f" on {table}" if service == "dynamodb" else ""
            nobody_may.append(f"{path.relative_to(ROOT)}: {service}:{name}{where}")
    assert not nobody_may, nobody_may


@check
def no_statement_names_every_resource_or_a_family_of_actions():
    for statement in statements(RESOURCES):
        assert "*" not in listed(statement.get("Resource", [])), statement
        if statement["Effect"] == "Allow":
            assert not any("*" in action for action in listed(statement["Action"])), statement
    roles = OF["AWS::IAM::Role"]
    for name, role in roles.items():
        managed = role["Properties"]["ManagedPolicyArns"]["Fn::If"]
        assert managed[0] == "HasTracing" and managed[2] == {"Ref": "AWS::NoValue"}, name
        assert "AWSXRayDaemonWriteAccess" in str(managed[1]) and len(managed[1]) == 1, name


@check
def queues_wait_long_enough_and_lose_nothing():
    sources = {n: q for n, q in QUEUES.items() if "RedrivePolicy" in q["Properties"]}
    dead = {q["Properties"]["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0] for q in sources.values()}
    for name, queue in QUEUES.items():
        assert name in sources or queue["Properties"]["MessageRetentionPeriod"] == 14 * 86400, name
        assert name in sources or name in dead or name == "TickDeadLetters", f"{name} has no dead letters"
    for name, f in FUNCTIONS.items():
        for event in f["Properties"].get("Events", {}).values():
            if event["Type"] != "SQS":
                continue
            properties = event["Properties"]
            queue = sources[properties["Queue"]["Fn::GetAtt"][0]]["Properties"]
            assert f["Properties"]["Timeout"] == {"Ref": "SyncTimeout"}
            visible = find("Patience", queue["VisibilityTimeout"], "SyncTimeout")
            assert sorted(visible) == sorted(T["Parameters"]["SyncTimeout"]["AllowedValues"])
            for timeout, visibility in visible.items():
                assert visibility >= 6 * int(timeout), f"{name}: {visibility} < 6 * {timeout}"
                assert queue["MessageRetentionPeriod"] > queue["RedrivePolicy"]["maxReceiveCount"] * visibility
            assert properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
            assert properties["ScalingConfig"]["MaximumConcurrency"]
    deliveries = {rule.get("Prefix"): rule for rule in lifecycle()}["deliveries/"]
    kept = max(q["Properties"]["MessageRetentionPeriod"] for q in sources.values()) + 14 * 86400
    assert deliveries["ExpirationInDays"] * 86400 > kept, "a body must outlive the message that points at it"


@check
def logs_are_kept_for_a_time_and_errors_are_heard():
    groups = OF["AWS::Logs::LogGroup"]
    for group in groups.values():
        assert group["Properties"]["RetentionInDays"] == {"Ref": "LogDays"}
    for name, f in FUNCTIONS.items():
        binary = f["Metadata"]["BuildProperties"]["Binary"]
        assert f["Properties"]["LoggingConfig"] == {"LogFormat": "JSON", "LogGroup": {"Ref": f"{name}Logs"}}
        assert groups[f"{name}Logs"]["Properties"]["LogGroupName"]["Fn::Sub"].endswith("}-" + binary)
        alarm = ALARMS[f"{name}Errors"]["Properties"]
        assert (alarm["MetricName"], alarm["Dimensions"]) == ("Errors", [{"Name": "FunctionName", "Value": {"Ref": name}}])
        assert ALARMS[f"{name}Errors"].get("Condition") == f.get("Condition"), name
    for name in [n for n in QUEUES if n.endswith("DeadLetters")]:
        alarm = ALARMS[f"{name}NotEmpty"]["Properties"]
        assert alarm["Dimensions"][0]["Value"] == {"Fn::GetAtt": [name, "QueueName"]}
    for alarm in ALARMS.values():
        assert alarm["Properties"]["AlarmActions"] and alarm["Properties"]["AlarmDescription"]


def metrics_of(alarm):
    """Each metric that an alarm stands on: what has a namespace, a name and dimensions."""
    if "Namespace" in alarm:
        yield alarm
    for query in alarm.get("Metrics", []):
        if "MetricStat" in query:
            yield query["MetricStat"]["Metric"] | {"Unit": query["MetricStat"].get("Unit")}


@check
def alarms_stand_on_metrics_that_the_functions_write():
    assert len(EMITTED) == 12 and "OF_SYSTEM" in DIMENSIONS, "the expressions find the metrics no longer"
    assert 'const NAMESPACE: &str = "Tributary";' in METRICS_CODE
    heard = set()
    for name, alarm in ALARMS.items():
        for metric in metrics_of(alarm["Properties"]):
            if metric["Namespace"].startswith("AWS/"):
                continue
            assert metric["Namespace"] == "Tributary", f"{name}: {metric['Namespace']}"
            what = metric["MetricName"]
            assert what in EMITTED, f"{name} waits for {what}, which no function writes"
            assert metric.get("Unit") in (None, EMITTED[what]), f"{name}: {what} is in {EMITTED[what]}"
            of = {dimension["Name"]: dimension["Value"] for dimension in metric["Dimensions"]}
            assert list(of) == DIMENSIONS["OF_SYSTEM"], f"{name}: {list(of)}"
            system = next(system for system in SYSTEMS if name.startswith(system.capitalize()))
            assert of == {"deployment": {"Ref": "AWS::StackName"}, "system": system}, name
            assert alarm["Condition"] == f"Has{system.capitalize()}Metrics", "with Metrics=none there is nothing to hear"
            heard.add(what)
    assert heard == {"success", "quarantined", "fetched", "ledger_mismatch", "sunset_days"}, heard


@check
def the_backfill_reads_what_the_sync_functions_answer():
    definition = json.dumps(RESOURCES["Backfill"]["Properties"]["Definition"])
    answer = (ROOT / "shared/src/lambda.rs").read_text()
    told = set(re.findall(r'json!\(\{ "(\w+)": runs \}\)', answer)) | set(re.findall(r'answer\["(\w+)"\] =', answer))
    assert told == {"runs", "not_before"}, told
    assert set(re.findall(r"result\.Payload\.(\w+)", definition)) == told
    states = RESOURCES["Backfill"]["Properties"]["Definition"]["States"]
    waits = {name: state for name, state in states.items() if state["Type"] == "Wait"}
    assert all(state["Next"] == "Sync" for state in waits.values()) and len(waits) == 2


@check
def access_logs_leave_queries_out():
    for stage in OF["AWS::ApiGatewayV2::Stage"].values():
        form = stage["Properties"]["AccessLogSettings"]["Format"]
        assert "query" not in form.lower() and "$context.identity.sourceIp" not in form
        json.loads(form)
        assert stage["Properties"]["DefaultRouteSettings"]["ThrottlingRateLimit"]


@check
def the_dashboard_shows_metrics_that_exist():
    body = RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    functions = {f["Properties"]["FunctionName"]["Fn::Sub"] for f in FUNCTIONS.values()}
    queues = {q["Properties"]["QueueName"]["Fn::Sub"] for q in QUEUES.values()}
    for widget in json.loads(body)["widgets"]:
        for namespace, name, *dimensions in widget["properties"]["metrics"]:
            match namespace, dimensions:
                case "Tributary", ["deployment", "${AWS::StackName}", "system", system]:
                    assert system in SYSTEMS and name in EMITTED, name
                case "AWS/Lambda", ["FunctionName", function]:
                    assert function in functions, function
                case "AWS/SQS", ["QueueName", queue]:
                    assert queue in queues, queue
                case _:
                    raise AssertionError(dimensions)


@check
def stores_outlive_the_stack():
    stores = OF["AWS::DynamoDB::Table"] | OF["AWS::S3::Bucket"]
    assert len(stores) == 3
    for name, store in stores.items():
        assert store["DeletionPolicy"] == store["UpdateReplacePolicy"] == "Retain", name


@check
def tables_are_those_that_the_code_makes():
    code = (ROOT / "shared/src/stores.rs").read_text()
    roles = {"Hash": "HASH", "Range": "RANGE"}
    keys = re.findall(r'\("(\w+)", KeyType::(\w+)\)', code)
    keys = [{"AttributeName": name, "KeyType": roles[role]} for name, role in keys]
    ttl = re.search(r'TimeToLiveSpecification::builder\(\)\s*\.attribute_name\("(\w+)"\)', code)[1]
    kind = re.search(r"attribute_type\(ScalarAttributeType::(\w)\)", code)[1]
    for name, table in OF["AWS::DynamoDB::Table"].items():
        properties = table["Properties"]
        assert properties["KeySchema"] == keys, name
        attributes = [{"AttributeName": key["AttributeName"], "AttributeType": kind} for key in keys]
        assert properties["AttributeDefinitions"] == attributes, name
        assert properties["TimeToLiveSpecification"] == {"AttributeName": ttl, "Enabled": True}, name
        assert properties["BillingMode"] == "PAY_PER_REQUEST", name
        assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}, name
        assert properties["SSESpecification"]["SSEEnabled"], name


@check
def nothing_expires_that_the_tables_are_made_of():
    prefixes = {rule["Prefix"] for rule in lifecycle() if "ExpirationInDays" in rule}
    assert prefixes == {"raw/", "quarantine/", "deliveries/"}


@check
def the_systems_differ_in_their_names_only():
    shapes = {}
    for system in SYSTEMS:
        title = system.capitalize()
        has_door = f"{system}-webhook" in BINARIES
        own = {n: r for n, r in RESOURCES.items() if re.match(rf"{title}(?![a-z])", n) or n == title}
        text = yaml.safe_dump({n.replace(title, "System", 1): r for n, r in own.items()}, sort_keys=True)
        text = re.sub(rf"\b{title}(?![a-z])", "System", re.sub(rf"\b{system}\b", "system", text))
        text = re.sub(rf"Has{title}", "HasSystem", text)
        text = re.sub(r"Description: .*(\n      .*)*?(?=\n    \w|\n  \w|\n\w)", "Description", text)
        shapes.setdefault(has_door, {})[system] = re.sub(r"Description: .*", "Description", text)
    for same in shapes.values():
        first, *others = same
        for other in others:
            assert same[first] == same[other], f"{first} and {other} differ"


@check
def parameters_and_alarms_are_in_the_docs():
    deploy, operations = ((ROOT / "docs" / f"{page}.md").read_text() for page in ("deploy", "operations"))
    for name, parameter in T["Parameters"].items():
        row = f"| `{name}` | {'–' if parameter['Default'] == '' else '`' + str(parameter['Default']) + '`'} |"
        assert row in deploy, f"docs/deploy.md lacks: {row}"
    documented = set(re.findall(r"^\| `(\w+)` \|", deploy, re.M))
    assert documented == set(T["Parameters"]), documented ^ set(T["Parameters"])
    for name in ALARMS:
        general = re.sub("^(Email|Helpdesk|Pos|Crm|Social)", "<System>", name)
        assert f"`{general}`" in operations, f"docs/operations.md lacks the alarm {general}"
    documented = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", operations, re.M))
    assert documented == EMITTED, f"docs/operations.md: {documented.items() ^ EMITTED.items()}"


@check
def cfn_lint_has_nothing_to_say():
    if not shutil.which("cfn-lint"):
        print("skipped: cfn-lint is not installed")
        return
    subprocess.run(["cfn-lint", str(TEMPLATE)], check=True)


def main():
    wrong = 0
    for holds in CHECKS:
        try:
            holds()
            print(f"ok    {holds.__name__.replace('_', ' ')}")
        except (AssertionError, LookupError, TypeError, ValueError) as error:
            wrong += 1
            print(f"WRONG {holds.__name__.replace('_', ' ')}: {error!r}")
    sys.exit(f"{wrong} of {len(CHECKS)} do not hold" if wrong else 0)


if __name__ == "__main__":
    main()
