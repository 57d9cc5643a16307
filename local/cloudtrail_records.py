"""A call somebody made to the local AWS, written down the way CloudTrail writes it.

Shapes follow what AWS documents and what real records show: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/
cloudtrail-event-reference-record-contents.html. The API models come with botocore, so that parameters get CloudTrail's
names (`PolicyArn` -> `policyArn`) for every operation, and members that a model marks as sensitive are left out.
"""

from __future__ import annotations

import functools
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote
from xml.etree import ElementTree

import botocore.loaders
import botocore.model
import botocore.parsers


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# The services whose management calls are recorded: the emulator's name -> botocore's name and the operations that AWS
# counts as data events (or does not record at all). A call to any other service is not recorded.
RECORDED: Mapping[str, tuple[str, frozenset[str]]] = {
    "access-analyzer": ("accessanalyzer", frozenset()),
    "account": ("account", frozenset()),
    "cloudformation": ("cloudformation", frozenset()),
    "cloudtrail": ("cloudtrail", frozenset()),
    "config": ("config", frozenset()),
    "dynamodb": (
        "dynamodb",
        _words(
            "GetItem PutItem UpdateItem DeleteItem Query Scan BatchGetItem BatchWriteItem "
            "TransactGetItems TransactWriteItems ExecuteStatement BatchExecuteStatement "
            "ExecuteTransaction"
        ),
    ),
    "events": ("events", frozenset({"PutEvents"})),
    "iam": ("iam", frozenset()),
    "kms": ("kms", frozenset()),
    "lambda": ("lambda", frozenset({"Invoke", "InvokeAsync", "InvokeWithResponseStream"})),
    "logs": ("logs", frozenset({"PutLogEvents", "GetLogEvents", "FilterLogEvents"})),
    "organizations": ("organizations", frozenset()),
    "s3": (
        "s3",
        _words(
            "GetObject PutObject DeleteObject DeleteObjects HeadObject CopyObject ListObjects "
            "ListObjectsV2 ListObjectVersions CreateMultipartUpload UploadPart UploadPartCopy "
            "CompleteMultipartUpload AbortMultipartUpload ListParts GetObjectAcl PutObjectAcl "
            "GetObjectTagging PutObjectTagging DeleteObjectTagging GetObjectAttributes "
            "GetObjectRetention PutObjectRetention GetObjectLegalHold PutObjectLegalHold "
            "SelectObjectContent RestoreObject GetObjectTorrent HeadBucket"
        ),
    ),
    "scheduler": ("scheduler", frozenset()),
    "secretsmanager": ("secretsmanager", frozenset()),
    "sns": ("sns", frozenset({"Publish", "PublishBatch"})),
    "sqs": (
        "sqs",
        _words(
            "SendMessage SendMessageBatch ReceiveMessage DeleteMessage DeleteMessageBatch "
            "ChangeMessageVisibility ChangeMessageVisibilityBatch"
        ),
    ),
    "ssm": ("ssm", frozenset()),
    "sts": ("sts", frozenset()),
}

# Lambda's records carry the version of the API in the name of the event; the other operations keep their own names.
_LAMBDA_NAMES = {
    "AddPermission": "AddPermission20150331v2",
    "CreateEventSourceMapping": "CreateEventSourceMapping20150331",
    "CreateFunction": "CreateFunction20150331",
    "DeleteEventSourceMapping": "DeleteEventSourceMapping20150331",
    "DeleteFunction": "DeleteFunction20150331",
    "GetFunction": "GetFunction20150331v2",
    "GetFunctionConfiguration": "GetFunctionConfiguration20150331v2",
    "GetPolicy": "GetPolicy20150331v2",
    "ListFunctions": "ListFunctions20150331",
    "PublishVersion": "PublishVersion20150331",
    "RemovePermission": "RemovePermission20150331v2",
    "UpdateEventSourceMapping": "UpdateEventSourceMapping20150331",
    "UpdateFunctionCode": "UpdateFunctionCode20150331v2",
    "UpdateFunctionConfiguration": "UpdateFunctionConfiguration20150331v2",
}
# S3's records use the older names: https://docs.aws.amazon.com/AmazonS3/latest/userguide/cloudtrail-logging-s3-info.html
_S3_NAMES = {
    "DeletePublicAccessBlock": "DeleteBucketPublicAccessBlock",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketLifecycleConfiguration": "GetBucketLifecycle",
    "PutBucketLifecycleConfiguration": "PutBucketLifecycle",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "PutObjectLockConfiguration": "PutBucketObjectLockConfiguration",
}
_GLOBAL_SERVICES = frozenset({"iam", "organizations", "account"})  # recorded in us-east-1, wherever the caller is
_READ_PREFIXES = ("Get", "List", "Describe", "Head", "Lookup", "Search", "Simulate", "Validate", "BatchGet", "Test")
# Read-only by CloudTrail's own judgement although the verb does not say so.
_READ_NAMES = _words(
    "AssumeRole AssumeRoleWithSAML AssumeRoleWithWebIdentity GenerateCredentialReport "
    "Decrypt Encrypt GenerateDataKey GenerateDataKeyWithoutPlaintext Verify Sign "
    "EstimateTemplateCost DetectStackDrift"
)
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "UnrecognizedClientException"})
_PROTOCOLS = {"ec2": "query"}  # of the parsers; the others have the name of the model
_MAX_XML = 1_000_000  # bytes
_FIRST_FAILURE = 300  # the lowest HTTP status that is no success


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Whose key signed the call."""

    kind: str  # Root, IAMUser or AssumedRole: CloudTrail's words
    account: str
    arn: str
    principal_id: str
    access_key_id: str
    session_started: datetime | None = None  # of an assumed role

    def to_record(self) -> dict[str, Any]:
        """The record's `userIdentity`."""
        identity: dict[str, Any] = {
            "type": self.kind,
            "principalId": self.principal_id,
            "arn": self.arn,
            "accountId": self.account,
            "accessKeyId": self.access_key_id,
        }
        if self.kind == "IAMUser":
            identity["userName"] = self.arn.rsplit("/", 1)[-1]
        elif self.kind == "AssumedRole":
            role = self.arn.split("/")[1] if "/" in self.arn else self.arn
            started = self.session_started or datetime.now(UTC)
            identity["sessionContext"] = {
                "sessionIssuer": {
                    "type": "Role",
                    "principalId": self.principal_id.split(":")[0],
                    "arn": f"arn:aws:iam::{self.account}:role/{role}",
                    "accountId": self.account,
                    "userName": role,
                },
                "attributes": {"creationDate": _timestamp(started), "mfaAuthenticated": "false"},
            }
        return identity


@dataclass(frozen=True, kw_only=True)
class Call:
    """One HTTP exchange with the local AWS."""

    service: str  # the emulator's name for it
    method: str
    path: str
    query: str
    headers: Mapping[str, str]  # lower-case names
    body: bytes
    region: str
    caller: Caller
    source_ip: str
    at: datetime
    status: int
    response_headers: Mapping[str, str]  # lower-case names
    response_body: bytes


def record_of(call: Call) -> dict[str, Any] | None:
    """The CloudTrail record of a management call; None for a data event or a service that is not recorded."""
    known = RECORDED.get(call.service)
    if known is None:
        return None
    model_name, data_events = known
    model = _service(model_name)
    operation = _operation_of(call, model)
    if operation is None or operation.name in data_events:
        return None
    error_code, error_message = _error_of(call, model)
    read_only = operation.name.startswith(_READ_PREFIXES) or operation.name in _READ_NAMES
    # A denied call comes without parameters, in every denied IAM call we have seen.
    parameters = None if error_code in _DENIED else _parameters_of(call, model, operation)
    # Only calls that change something tell their answer, and those that hand out a session.
    answered = not error_code and (not read_only or operation.name.startswith("AssumeRole"))
    record: dict[str, Any] = {
        "eventVersion": "1.11",
        "userIdentity": call.caller.to_record(),
        "eventTime": _timestamp(call.at),
        "eventSource": f"{call.service}.amazonaws.com",
        "eventName": _event_name(call.service, operation.name),
        "awsRegion": "us-east-1" if call.service in _GLOBAL_SERVICES else call.region,
        "sourceIPAddress": call.source_ip,
        "userAgent": call.headers.get("user-agent", ""),
        "requestParameters": parameters or None,
        "responseElements": _response_of(call, model, operation) if answered else None,
        "requestID": call.response_headers.get("x-amzn-requestid") or str(uuid.uuid4()),
        "eventID": str(uuid.uuid4()),
        "readOnly": read_only,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": call.caller.account,
        "eventCategory": "Management",
    }
    if error_code:
        record["errorCode"] = error_code
        record["errorMessage"] = error_message
    return record


def envelope_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """The EventBridge event in which a record reaches the default bus.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
    """
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "AWS API Call via CloudTrail",
        "source": "aws." + str(record["eventSource"]).removesuffix(".amazonaws.com"),
        "account": record["recipientAccountId"],
        "time": record["eventTime"],
        "region": record["awsRegion"],
        "resources": [],
        "detail": dict(record),
    }


@functools.cache
def _service(name: str) -> botocore.model.ServiceModel:
    return botocore.model.ServiceModel(botocore.loaders.Loader().load_service_model(name, "service-2"), name)


def _event_name(service: str, operation: str) -> str:
    return {"lambda": _LAMBDA_NAMES, "s3": _S3_NAMES}.get(service, {}).get(operation, operation)


# --- which operation ----------------


def _operation_of(call: Call, model: botocore.model.ServiceModel) -> botocore.model.OperationModel | None:
    name = call.headers.get("x-amz-target", "").rsplit(".", 1)[-1]
    if not name and (rpc := re.search(r"/operation/(\w+)$", call.path)):
        name = rpc.group(1)
    if not name:
        name = (_form(call).get("Action") or [""])[0]
    if not name and model.metadata["protocol"].startswith("rest"):
        name = _rest_operation(call, model.service_name)
    return model.operation_model(name) if name in model.operation_names else None


def _form(call: Call) -> dict[str, list[str]]:
    fields = parse_qs(call.query, keep_blank_values=True)
    if call.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        fields.update(parse_qs(call.body.decode("utf-8", "replace"), keep_blank_values=True))
    return fields


@functools.cache
def _rest_routes(service: str) -> tuple[tuple[str, re.Pattern[str], frozenset[tuple[str, str]], str], ...]:
    """(method, path pattern, query constants, operation), the most specific first."""
    model = _service(service)
    routes = []
    for name in model.operation_names:
        http = model.operation_model(name).http
        path, _, constants = http["requestUri"].partition("?")
        pattern = re.sub(r"\\{\w+\\\+\\}", "(?:.+)", re.escape(path))
        pattern = re.sub(r"\\{\w+\\}", "(?:[^/]+)", pattern)
        query = frozenset((key, values[0]) for key, values in parse_qs(constants, keep_blank_values=True).items())
        literal = len(re.sub(r"\{[^}]*\}", "", path))
        routes.append((http["method"], re.compile(pattern.rstrip("/") + "/?"), query, name, literal))
    routes.sort(key=lambda route: (len(route[2]), route[4]), reverse=True)
    return tuple(route[:4] for route in routes)


def _rest_operation(call: Call, service: str) -> str:
    query = {key: values[0] for key, values in parse_qs(call.query, keep_blank_values=True).items()}
    for method, pattern, constants, name in _rest_routes(service):
        if method == call.method and pattern.fullmatch(call.path) and constants <= set(query.items()):
            return name
    return ""


# --- its parameters ----------------


def _parameters_of(
    call: Call, model: botocore.model.ServiceModel, operation: botocore.model.OperationModel
) -> dict[str, Any]:
    if model.service_name == "s3":
        return _s3_parameters(call)
    shape = operation.input_shape
    if shape is None:
        return {}
    form = _form(call)
    if "Action" in form:
        return dict(_from_form(shape, "", {key: values[0] for key, values in form.items()}) or {})
    body = _json(call.body)
    parameters: dict[str, Any] = _renamed(shape, body if isinstance(body, dict) else {})
    if model.metadata["protocol"] == "rest-json":
        parameters.update(_from_url(call, operation))
    return parameters


def _from_form(shape: botocore.model.Shape, prefix: str, form: Mapping[str, str]) -> Any:
    """A value of the query protocol (`Tags.member.1.Key=...`); None where the form has nothing under the prefix."""
    if not any(key == prefix or key.startswith(f"{prefix}." if prefix else "") for key in form):
        return None
    match shape:
        case botocore.model.StructureShape():
            members = {}
            for name, member in shape.members.items():
                wire = member.serialization.get("name", name)
                value = _from_form(member, f"{prefix}.{wire}" if prefix else wire, form)
                if value is not None and not _sensitive(member):
                    members[_camel(name)] = value
            return members
        case botocore.model.ListShape():
            flat = shape.serialization.get("flattened")
            base = prefix if flat else f"{prefix}.{shape.member.serialization.get('name', 'member')}"
            return list(_counted(lambda index: _from_form(shape.member, f"{base}.{index}", form)))
        case botocore.model.MapShape():
            base = prefix if shape.serialization.get("flattened") else f"{prefix}.entry"
            key_name = shape.key.serialization.get("name", "key")
            value_name = shape.value.serialization.get("name", "value")

            def entry(index: int) -> tuple[str, Any] | None:
                key = form.get(f"{base}.{index}.{key_name}")
                return None if key is None else (key, _from_form(shape.value, f"{base}.{index}.{value_name}", form))

            return dict(_counted(entry))
    return _scalar(shape, form.get(prefix))


def _counted(read: Any) -> Any:
    """The results of `read(1)`, `read(2)`, ... up to the first None."""
    index = 1
    while (value := read(index)) is not None:
        yield value
        index += 1


def _scalar(shape: botocore.model.Shape, text: str | None) -> Any:
    if text is None:
        return None
    if shape.type_name == "boolean":
        return text.lower() == "true"
    if shape.type_name in {"integer", "long"} and re.fullmatch(r"-?\d{1,18}", text):
        return int(text)
    return text


def _renamed(shape: botocore.model.Shape | None, value: Any) -> Any:
    """A parsed value with CloudTrail's member names; keys of maps stay, sensitive members go."""
    if isinstance(value, datetime):
        return f"{value:%b} {value.day}, {value:%Y} {value:%I:%M:%S %p}"
    if isinstance(value, bytes | bytearray):
        return None
    if isinstance(shape, botocore.model.StructureShape) and isinstance(value, dict):
        wire_names: dict[str, str] = {
            str(member.serialization.get("name", name)): name for name, member in shape.members.items()
        }
        result = {}
        for key, item in value.items():
            name = key if key in shape.members else wire_names.get(str(key), str(key))
            member = shape.members.get(name)
            if key != "ResponseMetadata" and item is not None and not (member is not None and _sensitive(member)):
                result[_camel(name)] = _renamed(member, item)
        return result
    if isinstance(shape, botocore.model.ListShape) and isinstance(value, list):
        return [_renamed(shape.member, item) for item in value]
    if isinstance(shape, botocore.model.MapShape) and isinstance(value, dict):
        return {key: _renamed(shape.value, item) for key, item in value.items()}
    return value


def _from_url(call: Call, operation: botocore.model.OperationModel) -> dict[str, Any]:
    """Members of a rest-json request that travel in its path and query."""
    shape = operation.input_shape
    path = operation.http["requestUri"].partition("?")[0]
    pattern = re.sub(r"\\{(\w+)(?:\\\+)?\\}", r"(?P<\1>.+?)", re.escape(path))
    matched = re.fullmatch(pattern.rstrip("/") + "/?", call.path)
    uri = matched.groupdict() if matched else {}
    query = parse_qs(call.query, keep_blank_values=True)
    found: dict[str, Any] = {}
    for name, member in shape.members.items() if isinstance(shape, botocore.model.StructureShape) else ():
        wire = member.serialization.get("name", name)
        location = member.serialization.get("location")
        if location == "uri" and wire in uri:
            found[_camel(name)] = unquote(uri[wire])
        elif location == "querystring" and wire in query:
            found[_camel(name)] = query[wire][0] if not isinstance(member, botocore.model.ListShape) else query[wire]
    return found


def _s3_parameters(call: Call) -> dict[str, Any]:
    """S3 keeps the names of the wire: `{"bucketName", "Host", <sub-resource>: "", <root element>: {...}}`."""
    bucket = unquote(call.path.strip("/").split("/", 1)[0])
    parameters: dict[str, Any] = {"Host": call.headers.get("host", "")}
    if bucket:
        parameters["bucketName"] = bucket
    parameters.update({key: values[0] for key, values in parse_qs(call.query, keep_blank_values=True).items()})
    if acl := call.headers.get("x-amz-acl"):
        parameters["x-amz-acl"] = acl
    if call.body.lstrip().startswith(b"{"):
        parameters["bucketPolicy"] = _json(call.body)
    elif call.body.lstrip().startswith(b"<") and b"<!" not in call.body and len(call.body) <= _MAX_XML:
        try:
            root = ElementTree.fromstring(call.body)  # noqa: S314 - no declarations, hence no entities, come this far
        except ElementTree.ParseError:
            return parameters  # the emulator has refused it too: the record carries the error
        parameters[root.tag.rpartition("}")[2]] = _from_xml(root)
    return parameters


def _from_xml(element: ElementTree.Element) -> Any:
    if len(element) == 0:
        return element.text or ""
    result: dict[str, Any] = {}
    for child in element:
        name, value = child.tag.rpartition("}")[2], _from_xml(child)
        if name not in result:
            result[name] = value
        elif isinstance(result[name], list):
            result[name].append(value)
        else:
            result[name] = [result[name], value]
    return result


# --- its answer ----------------


def _error_of(call: Call, model: botocore.model.ServiceModel) -> tuple[str, str]:
    """(code, message) of a failed call, with CloudTrail's name for the code; ("", "") of one that succeeded."""
    if call.status < _FIRST_FAILURE:
        return "", ""
    body = _json(call.response_body)
    if isinstance(body, dict):
        code = str(body.get("__type") or body.get("code") or call.response_headers.get("x-amzn-errortype", ""))
        message = str(body.get("message") or body.get("Message") or "")
    else:
        text = call.response_body.decode("utf-8", "replace")
        code, message = (
            found.group(1) if (found := re.search(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)) else ""
            for tag in ("Code", "Message")
        )
    code = code.split(":")[0].rpartition("#")[2] or str(call.status)
    for shape in model.error_shapes:  # IAM says NoSuchEntity on the wire, and NoSuchEntityException in the record
        if shape.metadata.get("error", {}).get("code", shape.name) == code:
            return shape.name, message
    return code, message


def _response_of(
    call: Call, model: botocore.model.ServiceModel, operation: botocore.model.OperationModel
) -> dict[str, Any] | None:
    shape = operation.output_shape
    if shape is None or model.service_name == "s3" or not call.response_body:
        return None
    protocol = model.metadata["protocol"]
    if _json(call.response_body) is None and protocol == "json":
        protocol = "query"  # an older client spoke it, and was answered in it
    parser = botocore.parsers.create_parser(_PROTOCOLS.get(protocol, protocol))
    parsed = parser.parse(
        {"body": call.response_body, "headers": dict(call.response_headers), "status_code": call.status}, shape
    )
    return _renamed(shape, parsed) or None


def _sensitive(shape: botocore.model.Shape) -> bool:
    return bool(shape.metadata.get("sensitive"))


def _camel(name: str) -> str:
    """CloudTrail lowers the first letter only: `SAMLProviderArn` is recorded as `sAMLProviderArn`."""
    return name[:1].lower() + name[1:]


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return None


def _timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
