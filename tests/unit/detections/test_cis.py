"""The CIS controls: each has its detections, every call that CIS names reaches one, and the page says so."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from handlers.adapters.memory import MemoryLookups
from handlers.alerting.catalogue import Catalogue
from handlers.alerting.detection import Concern, Detection
from handlers.alerting.event import Event
from handlers.alerting.pattern import literals_at
from handlers.alerting.severity import Severity
from handlers.detections import CATALOGUE, PACKS, catalogue
from handlers.detections.__main__ import main
from handlers.detections.cis import CONTROLS, Control, cis_page, detections_of
from handlers.detections.cis_unauthorized_api_calls.detection import CIS_UNAUTHORIZED_API_CALLS
from tests.building import ACCOUNT, Stage, record
from tests.unit.detections.examples import FIRING, Example

_PAGE = Path(__file__).parents[3] / "docs" / "cis.md"
_PACK = tuple(detection for detection in CATALOGUE if detection.pack == "cis")
_CATALOGUE = Catalogue(CATALOGUE)


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.what)
def test_each_control_has_a_detection_for_every_call_that_its_filter_names(control: Control) -> None:
    found = detections_of(control, CATALOGUE)
    assert found, f"nothing watches for {control.what}"
    watched = set().union(*(literals_at(item.pattern, "detail", "eventName") or () for item in found))
    assert set(control.calls) - watched == set()


def test_a_control_that_nothing_watches_for_is_noticed() -> None:
    rest = [item for item in CATALOGUE if "4.13 (v1.4-v5)" not in item.cis]
    assert [control.number for control in CONTROLS if not detections_of(control, rest)] == [13]


def test_a_detection_names_controls_that_exist_in_both_numberings() -> None:
    known = {control.ids for control in CONTROLS}
    assert [control.number for control in CONTROLS] == list(range(1, 16))
    for detection in CATALOGUE:
        pairs = set(zip(detection.cis[::2], detection.cis[1::2], strict=True))
        assert pairs <= known, detection.id
        assert len(detection.cis) == 2 * len(pairs)


def test_whatever_belongs_to_the_pack_is_named_after_it_and_answers_a_control() -> None:
    assert _PACK
    for detection in CATALOGUE:
        assert (detection.pack == "cis") == detection.id.startswith("cis-")
        assert detection.pack == "" or detection.cis


def test_the_page_is_fresh_and_names_every_detection_of_every_control() -> None:
    page = cis_page(CATALOGUE)
    assert _PAGE.read_text() == page, "write it again: python -m handlers.detections --cis > docs/cis.md"
    for control in CONTROLS:
        (line,) = [line for line in page.splitlines() if line.startswith(f"| 4.{control.number} | ")]
        assert f"| 5.{control.number} |" in line
        for detection in detections_of(control, CATALOGUE):
            assert f"[{detection.id}](detections.md#{detection.id}){' *' if detection.pack else ''}" in line


def test_the_page_is_printed_and_checked_by_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--cis"]) == 0
    page = capsys.readouterr().out
    assert page == cis_page(CATALOGUE)
    file = tmp_path / "cis.md"
    file.write_text(page)
    assert main(["--cis", "--check", str(file)]) == 0
    file.write_text("# something else\n")
    assert main(["--cis", "--check", str(file)]) == 1
    assert f"python -m handlers.detections --cis > {file}" in capsys.readouterr().err


def test_a_pack_is_at_work_only_where_it_is_switched_on() -> None:
    assert frozenset({"cis"}) == PACKS
    assert catalogue(["cis"]) == CATALOGUE
    assert [item.id for item in CATALOGUE if item not in catalogue()] == [item.id for item in _PACK]


def test_a_pack_that_does_not_exist_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="there is no pack pci; there is cis"):
        catalogue(["cis", "pci"])


def _changes() -> list[Example]:
    """The firing examples of the pack in which somebody changed something."""
    return [
        e for e in FIRING if e.detection in _PACK and e.event.succeeded and e.event.service != "signin.amazonaws.com"
    ]


def _by(example: Example, identity: Mapping[str, Any]) -> Event:
    raw = copy.deepcopy(dict(example.raw))
    raw.get("detail", raw)["userIdentity"] = identity
    return Event.parse(json.dumps(raw))


@pytest.mark.parametrize("example", _changes(), ids=lambda example: example.id)
def test_what_root_changes_is_told_by_roots_detections_and_not_twice(example: Example) -> None:
    root = {"type": "Root", "principalId": ACCOUNT, "arn": f"arn:aws:iam::{ACCOUNT}:root", "accountId": ACCOUNT}
    federated = {
        "type": "FederatedUser",
        "principalId": f"{ACCOUNT}:x",
        "arn": f"arn:aws:sts::{ACCOUNT}:federated-user/x",
        "accountId": ACCOUNT,
        "sessionContext": {"sessionIssuer": {"type": "Root", "arn": f"arn:aws:iam::{ACCOUNT}:root"}},
    }
    for identity in (root, {**root, "sessionContext": {"assumedRoot": "true"}}, federated):
        event = _by(example, identity)
        fired = {o.detection.id for o in _CATALOGUE.outcomes(event, example.lookups) if isinstance(o.verdict, Concern)}
        assert any(id_.startswith("root-") for id_ in fired)
        assert not any(id_.startswith("cis-") for id_ in fired)


@pytest.mark.parametrize("example", _changes(), ids=lambda example: example.id)
def test_a_change_that_was_denied_is_counted(example: Example) -> None:
    raw = copy.deepcopy(dict(example.raw))
    raw.get("detail", raw)["errorCode"] = "AccessDenied"
    identity = raw.get("detail", raw)["userIdentity"]
    event = Event.parse(json.dumps(raw))
    fired = {o.detection.id for o in _CATALOGUE.outcomes(event, MemoryLookups()) if isinstance(o.verdict, Concern)}
    counted = {"cis-unauthorized-api-calls", "admin-attempts-denied"} & fired
    is_service = "aws-service-role" in json.dumps(identity)
    assert len(counted) == (0 if is_service else 1), fired


@pytest.mark.parametrize("example", _changes(), ids=lambda example: example.id)
def test_one_event_of_the_pack_is_told_once(example: Example) -> None:
    fired = [
        o.detection.id for o in _CATALOGUE.outcomes(example.event, example.lookups) if isinstance(o.verdict, Concern)
    ]
    assert fired == [example.detection.id]


def _told(stage: Stage) -> list[str]:
    return stage.said(stage.slack)


def test_an_hour_of_building_a_network_is_one_conversation() -> None:
    stage = Stage(detections=catalogue(["cis"]))
    build: tuple[tuple[str, Mapping[str, Any]], ...] = (
        ("CreateVpc", {"cidrBlock": "192.0.2.0/24"}),
        ("CreateInternetGateway", {}),
        ("AttachInternetGateway", {"internetGatewayId": "igw-1", "vpcId": "vpc-1"}),
        ("CreateRouteTable", {"vpcId": "vpc-1"}),
        ("CreateRoute", {"routeTableId": "rtb-1", "destinationCidrBlock": "0.0.0.0/0", "gatewayId": "igw-1"}),
        ("CreateSecurityGroup", {"groupName": "web", "vpcId": "vpc-1"}),
        ("AuthorizeSecurityGroupIngress", {"groupId": "sg-1", "ipPermissions": {}}),
        ("CreateNetworkAclEntry", {"networkAclId": "acl-1", "cidrBlock": "192.0.2.0/24"}),
    )
    for _ in range(5):
        for name, request in build:
            stage.send(eventSource="ec2.amazonaws.com", eventName=name, requestParameters=request)
            stage.pass_time(seconds=60)
    (alert,) = stage.book.alerts
    assert alert.count == 40
    assert alert.severity is Severity.MEDIUM
    assert _told(stage).count("announce") == 1


def test_ten_refused_calls_within_the_hour_are_told_and_nine_are_not() -> None:
    stage = Stage(detections=[CIS_UNAUTHORIZED_API_CALLS])
    refused = {
        "eventSource": "s3.amazonaws.com",
        "readOnly": True,
        "errorCode": "AccessDenied",
        "requestParameters": None,
    }
    for number in range(9):
        stage.send(eventName=f"GetBucket{number}", **refused)
    assert _told(stage) == []
    stage.send(eventName="ListAllMyBuckets", **refused)
    assert _told(stage) == ["announce"]


def test_sessions_of_one_role_are_counted_together_whatever_their_names() -> None:
    def refused(session: str) -> Event:
        identity = {
            "type": "AssumedRole",
            "principalId": f"AROAEXAMPLE:{session}",
            "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/web/{session}",
            "accountId": ACCOUNT,
            "sessionContext": {"sessionIssuer": {"type": "Role", "arn": f"arn:aws:iam::{ACCOUNT}:role/web"}},
        }
        return Event.parse(record(userIdentity=identity, eventName="GetUser", errorCode="AccessDenied", readOnly=True))

    verdicts = [CIS_UNAUTHORIZED_API_CALLS.assess(refused(name), MemoryLookups()) for name in ("a", "b")]
    assert all(isinstance(verdict, Concern) for verdict in verdicts)
    assert len({verdict.group for verdict in verdicts if isinstance(verdict, Concern)}) == 1


def test_refused_reads_reach_us_because_the_rule_asks_for_read_events() -> None:
    assert CIS_UNAUTHORIZED_API_CALLS.sees_read_events


def _codes() -> tuple[tuple[str, bool], ...]:
    refused = ("AccessDenied", "AccessDeniedException", "Client.UnauthorizedOperation", "UnauthorizedOperation")
    other = ("Throttling", "NoSuchEntity", "Client.DryRunOperation", "")
    return tuple((code, True) for code in refused) + tuple((code, False) for code in other)


@pytest.mark.parametrize(("code", "expected"), _codes())
def test_every_spelling_of_a_refusal_that_cis_names_passes_the_pattern(code: str, expected: bool) -> None:
    event = Event.parse(
        record(eventName="DescribeHosts", eventSource="ec2.amazonaws.com", errorCode=code, readOnly=True)
    )
    outcome = _CATALOGUE.outcome(CIS_UNAUTHORIZED_API_CALLS, event, MemoryLookups())
    assert isinstance(outcome.verdict, Concern) is expected
    assert outcome.stopped_at == (None if expected else "pattern")


def test_the_packs_severities_wake_nobody() -> None:
    assert all(detection.severity <= Severity.MEDIUM for detection in _PACK)
    assert max(Severity[e.expect["severity"]] for e in FIRING if e.detection in _PACK and e.expect) is Severity.MEDIUM


def test_every_detection_of_the_pack_can_be_suppressed() -> None:
    assert all(isinstance(detection, Detection) and detection.suppressible for detection in _PACK)
