"""Whom enrichment asks - Organizations, Identity Center, address files, Access Analyzer: answers, refusals, limits."""

import json

import boto3
import maxminddb
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from botocore.stub import Stubber

from handlers.adapters.enrichments import AccessAnalyzerChecks, AddressFiles, OrganizationDirectory
from handlers.alerting.ports import Place, Unknown
from tests.building import ACCOUNT
from tests.mmdb import mmdb

POLICY = json.dumps({"Version": "2012-10-17", "Statement": []})


def client(service):
    return boto3.client(service, region_name="us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing")


class Now:
    def __init__(self):
        self.seconds = 1_000.0

    def __call__(self):
        return self.seconds


# The organisation


class Organizations:
    """Three levels of units; counts what it is asked."""

    def __init__(self, error=None, parents=None):
        self.asked = 0
        self.error = error
        self.parents = parents or {ACCOUNT: "ou-b", "ou-b": "ou-a", "ou-a": "r-root"}

    def describe_account(self, **question):
        self.asked += 1
        if self.error:
            raise self.error
        return {"Account": {"Id": question["AccountId"], "Name": "shop"}}

    def list_parents(self, **question):
        parent = self.parents[question["ChildId"]]
        return {"Parents": [{"Id": parent, "Type": "ROOT" if parent[0] == "r" else "ORGANIZATIONAL_UNIT"}]}

    def describe_organizational_unit(self, **question):
        names = {"ou-a": "Workloads", "ou-b": "Production"}
        return {"OrganizationalUnit": {"Name": names[question["OrganizationalUnitId"]]}}


def directory(made, now=None, **changes):
    given = {"has_organization": True, "identity_center_region": "eu-west-1", **changes}
    return OrganizationDirectory(client=lambda _service, _region: made, clock=now or Now(), **given)


def test_an_accounts_name_and_units_are_found_from_the_root_down_and_remembered_for_an_hour():
    organizations, now = Organizations(), Now()
    known = directory(organizations, now)
    for _ in range(3):
        assert known.place(ACCOUNT) == Place(name="shop", path="Workloads/Production")
    assert organizations.asked == 1
    now.seconds += 3_601
    known.place(ACCOUNT)
    assert organizations.asked == 2


def test_a_refusal_is_remembered_for_ten_minutes():
    organizations, now = (
        Organizations(ClientError({"Error": {"Code": "AccessDeniedException"}}, "DescribeAccount")),
        Now(),
    )
    known = directory(organizations, now)
    for _ in range(3):
        assert known.place(ACCOUNT) == Unknown(reason="AccessDeniedException")
    assert organizations.asked == 1
    now.seconds += 601
    organizations.error = None
    assert known.place(ACCOUNT) == Place(name="shop", path="Workloads/Production")


def test_units_without_an_end_are_not_followed_for_ever():
    endless = Organizations(parents={ACCOUNT: "ou-a", "ou-a": "ou-a"})
    assert directory(endless).place(ACCOUNT).path.count("Workloads") == 6


def test_nobody_is_asked_who_is_not_configured():
    def refuse(*_):
        raise AssertionError("asked")

    known = OrganizationDirectory(client=refuse)
    assert isinstance(known.place(ACCOUNT), Unknown)
    assert known.user_name("d-0123456789", "u") == Unknown(reason="identity_center.home_region is not configured")


def test_an_identity_center_user_is_called_by_name_in_the_region_it_lives_in():
    asked = []
    store = client("identitystore")

    def chosen(service, region):
        asked.append((service, region))
        return store

    known = OrganizationDirectory(client=chosen, identity_center_region="eu-west-1", clock=Now())
    user = "90676de7-0000-4000-8000-000000000000"
    with Stubber(store) as stub:
        answer = {"IdentityStoreId": "d-0123456789", "UserId": user, "UserName": "alice", "Revision": "1"}
        answer["UserArn"] = f"arn:aws:identitystore:::user/{user}"
        stub.add_response("describe_user", answer, {"IdentityStoreId": "d-0123456789", "UserId": user})
        assert known.user_name("d-0123456789", user) == "alice"
        assert known.user_name("d-0123456789", user) == "alice", "from memory: the stub would refuse"
        stub.add_client_error("describe_user", "ResourceNotFoundException")
        assert known.user_name("d-0123456789", user[::-1]) == Unknown(reason="ResourceNotFoundException")
    assert asked == [("identitystore", "eu-west-1")] * 2
    assert isinstance(known.user_name("", "<!channel>"), Unknown), "boto3 refuses what is no id"


def test_the_memory_of_names_is_bounded():
    class Store:
        asked = 0

        def describe_user(self, **_):
            self.asked += 1
            return {}

    store = Store()
    known = directory(store)
    for number in range(2_500):
        assert known.user_name("d-0123456789", str(number)) == str(number)
    assert len(known._users._known) <= 1_000


# Address files


@pytest.fixture
def files(tmp_path):
    country = {"country": {"iso_code": "JP", "names": {"en": "Japan", "de": "Japan"}}}
    network = {"autonomous_system_number": 64500, "autonomous_system_organization": "Example Ltd"}
    (tmp_path / "country.mmdb").write_bytes(mmdb({"192.0.2.0/24": country}))
    (tmp_path / "asn.mmdb").write_bytes(mmdb({"192.0.2.0/25": network}))
    return AddressFiles([tmp_path / "country.mmdb", tmp_path / "asn.mmdb"])


def test_an_addresss_network_and_country_are_put_together_from_the_files(files):
    assert files.owner("192.0.2.10") == "Example Ltd (AS64500), Japan"
    assert files.owner("192.0.2.200") == "Japan"
    assert files.owner("198.51.100.1") == ""
    assert files.owner("2001:db8::1") == "", "a file for IPv4 knows none"


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"asn": "AS64501", "as_name": "Example Inc", "country": "Japan"}, "Example Inc (AS64501), Japan"),
        ({"country": {"iso_code": "JP"}}, "JP"),
        ({"registered_country": {"names": {"en": "Japan"}}}, "Japan"),
        ({"country_code": "JP"}, "JP"),
        ({"autonomous_system_number": 64500}, "AS64500"),
        ({"country": ["Japan"], "asn": {}, "as_name": 7}, ""),
        ({}, ""),
    ],
)
def test_records_of_several_publishers_are_understood_and_strange_ones_say_nothing(tmp_path, record, words):
    (tmp_path / "a.mmdb").write_bytes(mmdb({"192.0.2.0/24": record}))
    assert AddressFiles([tmp_path / "a.mmdb"]).owner("192.0.2.1") == words


def test_a_file_that_is_missing_or_damaged_is_found_at_the_first_question_not_before(tmp_path):
    (tmp_path / "damaged.mmdb").write_bytes(b"nothing of the kind")
    missing, damaged = AddressFiles([tmp_path / "no.mmdb"]), AddressFiles([tmp_path / "damaged.mmdb"])
    with pytest.raises(FileNotFoundError):
        missing.owner("192.0.2.1")
    with pytest.raises(maxminddb.InvalidDatabaseError):
        damaged.owner("192.0.2.1")


# Access Analyzer


def checked(operation, expected, result, *, before=None, is_trust=False, reasons=()):
    analyzer = client("accessanalyzer")
    with Stubber(analyzer) as stub:
        answer = {"result": result, "message": "m", "reasons": [{"description": text} for text in reasons]}
        stub.add_response(operation, answer, expected)
        said = AccessAnalyzerChecks(client=lambda _service, _region: analyzer).check(before, POLICY, is_trust=is_trust)
        stub.assert_no_pending_responses()
    return said


def test_a_policy_with_one_before_it_is_compared_with_that():
    expected = {"existingPolicyDocument": "{}", "newPolicyDocument": POLICY, "policyType": "IDENTITY_POLICY"}
    question = ("check_no_new_access", expected)
    assert checked(*question, "PASS", before="{}") == "allows nothing that the policy before did not"
    assert checked(*question, "FAIL", before="{}", reasons=["New access in statement 0."]) == (
        "allows more than the policy before: New access in statement 0."
    )


def test_a_policy_without_one_before_it_is_checked_for_what_makes_administrators():
    actions = {}

    class Analyzer:
        def check_access_not_granted(self, **question):
            actions.update(question)
            return {"result": "FAIL"}

    checks = AccessAnalyzerChecks(client=lambda _service, _region: Analyzer())
    assert checks.check(None, POLICY, is_trust=False) == "grants actions that make administrators"
    assert actions["policyType"] == "IDENTITY_POLICY"
    assert {"iam:AttachUserPolicy", "iam:PutRolePolicy", "iam:PassRole"} < set(actions["access"][0]["actions"])
    assert checks.check(None, POLICY, is_trust=True) == "lets somebody assume it"
    assert actions["policyType"] == "RESOURCE_POLICY"
    assert set(actions["access"][0]["actions"]) == {
        "sts:AssumeRole",
        "sts:AssumeRoleWithSAML",
        "sts:AssumeRoleWithWebIdentity",
    }


def test_the_question_is_one_that_access_analyzer_takes():
    analyzer = client("accessanalyzer")
    with Stubber(analyzer) as stub:  # which holds the question against the service's own description
        stub.add_response("check_access_not_granted", {"result": "PASS", "message": "m", "reasons": []})
        checks = AccessAnalyzerChecks(client=lambda _service, _region: analyzer)
        assert checks.check(None, POLICY, is_trust=False) == "grants no action that makes administrators"


def test_no_opinion_is_unknown_and_a_service_that_hangs_is_not_asked_again():
    asked = []

    class Hanging:
        def check_no_new_access(self, **_):
            asked.append(1)
            raise ReadTimeoutError(endpoint_url="https://access-analyzer.example")

    checks = AccessAnalyzerChecks(client=lambda _service, _region: Hanging())
    assert checks.check("{}", POLICY, is_trust=False) == Unknown(reason="ReadTimeoutError")
    assert isinstance(checks.check("{}", POLICY, is_trust=False), Unknown)
    assert asked == [1]
    analyzer = client("accessanalyzer")
    with Stubber(analyzer) as stub:
        stub.add_client_error("check_no_new_access", "ThrottlingException")
        said = AccessAnalyzerChecks(client=lambda _service, _region: analyzer).check("{}", POLICY, is_trust=False)
    assert said == Unknown(reason="ThrottlingException")


def test_an_answer_that_is_neither_yes_nor_no_is_said_to_be_unclear():
    class Odd:
        def check_no_new_access(self, **_):
            return {"result": "MAYBE"}

    said = AccessAnalyzerChecks(client=lambda _service, _region: Odd()).check("{}", POLICY, is_trust=False)
    assert said == "no clear answer"
