"""Whatever a record holds, enrichment neither crashes nor swells: its strings are an attacker's."""

import copy
import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handlers.adapters.memory import MemoryDirectory, MemoryHistory, MemoryLookups
from handlers.alerting.detection import Concern
from handlers.alerting.enrichment import Enrichments
from handlers.alerting.errors import UnreadableEventError
from handlers.alerting.event import Event
from handlers.alerting.finding import Finding
from handlers.alerting.ports import Place
from handlers.alerting.severity import Severity
from tests.building import ACCOUNT, NOW, detection, envelope, record
from tests.unit.hostile_strings import HOSTILE

_DOCUMENT = json.dumps({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
_IDENTITY = {
    "type": "AssumedRole",
    "principalId": "AROAEXAMPLE:alice",
    "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/Admin/alice",
    "accountId": ACCOUNT,
    "accessKeyId": "ASIAEXAMPLE",
    "onBehalfOf": {"userId": "u", "identityStoreArn": "arn:aws:identitystore::1:identitystore/d-1"},
    "inScopeOf": {"credentialsIssuedTo": "arn:aws:lambda:us-east-1:1:function:f"},
    "invokedBy": "cloudformation.amazonaws.com",
    "invokedByDelegate": {"accountId": "210987654321"},
    "sessionContext": {
        "sessionIssuer": {"type": "Role", "arn": f"arn:aws:iam::{ACCOUNT}:role/Admin", "userName": "Admin"},
        "webIdFederationData": {"federatedProvider": "example.com"},
        "attributes": {"creationDate": "2026-11-02T03:00:00Z", "mfaAuthenticated": "false"},
        "sourceIdentity": "bob",
        "ec2RoleDelivery": "2.0",
    },
}
_CALLS = {
    "PutUserPolicy": {"userName": "bob", "policyName": "p", "policyDocument": _DOCUMENT},
    "DeleteRolePolicy": {"roleName": "ci", "policyName": "p"},
    "UpdateAssumeRolePolicy": {"roleName": "ci", "policyDocument": _DOCUMENT},
    "CreatePolicyVersion": {
        "policyArn": f"arn:aws:iam::{ACCOUNT}:policy/p",
        "policyDocument": _DOCUMENT,
        "setAsDefault": True,
    },
    "SetDefaultPolicyVersion": {"policyArn": f"arn:aws:iam::{ACCOUNT}:policy/p", "versionId": "v3"},
    "CreateAccessKey": {"userName": "bob"},
    "PutInlinePolicyToPermissionSet": {"permissionSetArn": "arn:aws:sso:::permissionSet/i/p", "inlinePolicy": "{}"},
}
_PLACES = [
    ("userIdentity", *path)
    for path in (
        (),
        ("type",),
        ("arn",),
        ("principalId",),
        ("accountId",),
        ("accessKeyId",),
        ("onBehalfOf",),
        ("onBehalfOf", "userId"),
        ("onBehalfOf", "identityStoreArn"),
        ("inScopeOf", "credentialsIssuedTo"),
        ("invokedBy",),
        ("invokedByDelegate", "accountId"),
        ("sessionContext",),
        ("sessionContext", "sessionIssuer"),
        ("sessionContext", "sessionIssuer", "arn"),
        ("sessionContext", "webIdFederationData", "federatedProvider"),
        ("sessionContext", "attributes", "creationDate"),
        ("sessionContext", "sourceIdentity"),
        ("sessionContext", "ec2RoleDelivery"),
    )
] + [
    *((key,) for key in ("sourceIPAddress", "eventTime", "errorCode", "additionalEventData", "requestParameters")),
    *(("requestParameters", key) for key in sorted({key for call in _CALLS.values() for key in call})),
    ("responseElements",),
]
_LONG = "x" * 100_000
_DEEP = json.loads("[" * 400 + "]" * 400)
_VALUES = st.one_of(
    st.sampled_from([*HOSTILE, _LONG, "", "v2", "v" + "9" * 5_000, "v²", "::1", "fe80::1%" + "y" * 300]),
    st.sampled_from([None, True, 0, -1, 1e400, [], {}, {"omitted": True}, [None], {"a": {"b": []}}, _DEEP]),
    st.text(max_size=40),
)


class _HostileLookups(MemoryLookups):
    def __init__(self, answer):
        super().__init__()
        object.__setattr__(self, "_hostile", answer)

    def _answer(self, *question):
        answer = self._hostile
        return answer if isinstance(answer, dict) else super()._answer(*question)


@given(st.sampled_from(sorted(_CALLS)), st.lists(st.tuples(st.sampled_from(_PLACES), _VALUES), max_size=4), _VALUES)
@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_no_record_makes_enrichment_crash_or_swell(call, mutations, answer):
    source = "sso.amazonaws.com" if call == "PutInlinePolicyToPermissionSet" else "iam.amazonaws.com"
    raw = record(
        userIdentity=copy.deepcopy(_IDENTITY),
        eventSource=source,
        eventName=call,
        requestParameters=dict(_CALLS[call]),
        responseElements={"policyVersion": {"versionId": "v3"}},
    )
    for path, value in mutations:
        holder = raw
        for step in path[:-1]:
            holder = holder.get(step) if isinstance(holder, dict) else None
        if isinstance(holder, dict):
            holder[path[-1]] = copy.copy(value)  # a sampled {} is one object: put into itself, it would have no end
    try:
        event = Event.parse(json.dumps(envelope(raw)))
    except UnreadableEventError:
        return
    text = answer if isinstance(answer, str) else "x"
    by = Enrichments(
        lookups=_HostileLookups(answer),
        history=MemoryHistory(),
        directory=MemoryDirectory(users={"u": text}, places={ACCOUNT: Place(name=text, path=text)}),
        clock=lambda: NOW,
        places=True,
    )
    finding = Finding.of(
        detection(), event, Concern(summary="s", subject="x", severity=Severity.HIGH, group="g"), now=NOW
    )
    for _, enrich in by.steps:
        finding = enrich(finding, event)
    for fact in finding.facts:
        assert len(fact.value) < 2_100, fact.label
    for exhibit in finding.exhibits:
        assert len(exhibit.text) < 3_000
        assert len(exhibit.title) < 200
    assert Finding.from_plain(json.loads(json.dumps(finding.to_plain()))) == finding
