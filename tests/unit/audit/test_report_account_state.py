"""What AWS Config, the credential report and Access Analyzer say, and that each failing costs its own lines only."""

from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from audit.report.account_state import PRACTICES, access_findings, judged, practices, read_report
from audit.report.document import Missing, Word
from audit.report.facts import State
from infra.config_recorder import RULES

NOW = datetime(2026, 11, 1, tzinfo=UTC)
HEAD = (
    "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,"
    "mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,"
    "access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,"
    "access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,cert_1_last_rotated,cert_2_active,"
    "cert_2_last_rotated"
)


def line(user, password="false", mfa="false", key1="false", made1="N/A", key2="false", made2="N/A"):
    cells = [user, "arn", "2020-01-01T00:00:00+00:00", password, "N/A", "N/A", "N/A", mfa, key1, made1]
    return ",".join([*cells, "N/A", "N/A", "N/A", key2, made2, "N/A", "N/A", "N/A", "false", "N/A", "false", "N/A"])


def report(*lines):
    return "\n".join([HEAD, *lines])


def denied(operation="X"):
    return ClientError({"Error": {"Code": "AccessDeniedException", "Message": "secret words"}}, operation)


class Fake:
    """A boto3 client: methods and paginators answer what they are given, or raise it."""

    def __init__(self, **answers):
        self._answers = answers

    def __getattr__(self, name):
        def call(**_request):
            return self._answer(name)

        return call

    def _answer(self, name, **request):
        answer = self._answers[name]
        answer = answer(**request) if callable(answer) else answer
        if isinstance(answer, Exception):
            raise answer
        return answer

    def get_paginator(self, name):
        client = self

        class Pages:
            def paginate(self, **request):
                return [client._answer(name, **request)]

        return Pages()


def rule(identifier, name):
    return {"ConfigRuleName": name, "Source": {"Owner": "AWS", "SourceIdentifier": identifier}}


def config_client(states):
    rules = [rule(identifier, identifier.lower()) for identifier in states]
    found = {identifier.lower(): state for identifier, state in states.items()}
    return Fake(
        describe_config_rules={
            "ConfigRules": [*rules, {"ConfigRuleName": "own", "Source": {"Owner": "CUSTOM_LAMBDA"}}]
        },
        describe_compliance_by_config_rule=lambda ConfigRuleNames: {  # noqa: N803 - AWS's name
            "ComplianceByConfigRules": [
                {"ConfigRuleName": name, "Compliance": {"ComplianceType": found[name]}} for name in ConfigRuleNames
            ]
        },
        get_compliance_details_by_config_rule={
            "EvaluationResults": [
                {
                    "EvaluationResultIdentifier": {
                        "EvaluationResultQualifier": {"ResourceType": "AWS::IAM::User", "ResourceId": "bob"}
                    }
                }
            ]
        },
    )


def iam_client(text, states=("COMPLETE",)):
    said = iter([*states, *["COMPLETE"] * 20])
    return Fake(
        generate_credential_report=lambda: {"State": next(said)}, get_credential_report={"Content": text.encode()}
    )


def ask(config, iam, **options):
    clients = {"config": config, "iam": iam}
    return practices(lambda service, _region: clients[service], "us-east-1", now=NOW, sleep=lambda _: None, **options)


def test_each_rule_that_we_make_is_a_practice_of_the_report():
    assert {item.identifier for item in RULES} == set(PRACTICES)


def test_rules_are_kept_broken_or_not_decided():
    states = dict.fromkeys(PRACTICES, "COMPLIANT")
    states |= {"IAM_USER_NO_POLICIES_CHECK": "NON_COMPLIANT", "IAM_PASSWORD_POLICY": "INSUFFICIENT_DATA"}
    found = ask(config_client(states), iam_client(report(line("<root_account>", mfa="true"))))
    by_rule = {item.key: item for item in found if item.found_by.startswith("AWS Config")}
    assert len(by_rule) == len(PRACTICES)
    assert by_rule["practice.groups"].state is State.BROKEN
    assert by_rule["practice.groups"].offenders == ("AWS::IAM::User bob",)
    assert by_rule["practice.password_policy"].why == Missing(Word("missing.not_decided"))
    assert by_rule["practice.root_mfa"].state is State.KEPT


def test_a_rule_that_the_account_does_not_have_is_unknown_and_not_kept():
    found = ask(config_client({"IAM_PASSWORD_POLICY": "COMPLIANT"}), iam_client(report()))
    unknown = {item.key for item in found if item.why == Missing(Word("missing.not_there"))}
    assert unknown == set(PRACTICES.values()) - {"practice.password_policy"}


@pytest.mark.parametrize("error", [denied(), EndpointConnectionError(endpoint_url="https://config")])
def test_config_that_does_not_answer_costs_its_own_lines_only(error):
    found = ask(Fake(describe_config_rules=error), iam_client(report(line("bob", key1="true", made1="N/A"))))
    assert {item.state for item in found if item.found_by == "AWS Config"} == {State.UNKNOWN}
    assert next(item for item in found if item.key == "practice.roles").offenders == ("bob",)
    assert "secret words" not in str(found)


def test_a_credential_report_that_is_refused_costs_its_own_lines_only():
    states = dict.fromkeys(PRACTICES, "COMPLIANT")
    found = ask(config_client(states), Fake(generate_credential_report=denied()))
    assert next(item for item in found if item.key == "practice.roles").why == Missing(
        Word("missing.refused"), "AccessDeniedException"
    )
    assert sum(item.state is State.KEPT for item in found) == len(PRACTICES)


def test_a_credential_report_is_waited_for():
    found = ask(config_client({}), iam_client(report(line("bob")), states=("STARTED", "INPROGRESS")))
    assert next(item for item in found if item.key == "practice.roles").state is State.KEPT


def test_what_is_no_credential_report_is_unknown():
    found = ask(config_client({}), iam_client("<html>"))
    assert next(item for item in found if item.key == "practice.roles").state is State.UNKNOWN


def test_the_credential_report_says_who_has_keys_how_old_they_are_and_who_lacks_mfa():
    text = report(
        line("<root_account>", mfa="true"),
        line("alice", password="true", mfa="true", key1="true", made1="2026-10-01T00:00:00+00:00"),
        line("bob", password="true", key2="true", made2="2026-01-01T00:00:00+00:00"),
        line("carol", key1="false", made1="2020-01-01T00:00:00+00:00"),
        line("=cmd", key1="true", made1="broken"),
    )
    found = {item.key: item for item in judged(tuple(read_report(text)), now=NOW)}
    assert found["practice.roles"].offenders == ("alice", "bob", "=cmd")
    assert found["practice.user_mfa"].offenders == ("bob",)
    assert found["practice.key_age"].offenders == ("bob", "=cmd")  # a key of unknown age is not a young one
    assert found["practice.root_mfa"].state is State.KEPT
    assert found["practice.root_keys"].state is State.KEPT


def test_root_with_a_key_and_without_mfa_is_said():
    found = {
        item.key: item.state
        for item in judged(tuple(read_report(report(line("<root_account>", key1="true")))), now=NOW)
    }
    assert found["practice.root_mfa"] is found["practice.root_keys"] is State.BROKEN


def test_a_hundred_offenders_are_named_as_far_as_people_read():
    lines = [line(f"user{number}", key1="true", made1="N/A") for number in range(100)]
    found = next(iter(judged(tuple(read_report(report(*lines))), now=NOW)))
    assert len(found.offenders) == 51
    assert found.offenders[-1] == "…"


def analyzer(kind):
    return {"arn": f"arn:{kind}", "type": kind, "status": "ACTIVE"}


def test_findings_are_sorted_by_what_the_analyzer_looks_for():
    def findings(analyzerArn, filter):  # noqa: N803 - AWS's names
        assert filter == {"status": {"eq": ["ACTIVE"]}}
        return {"findings": [{"id": "1", "findingType": "X", "resource": analyzerArn, "updatedAt": NOW}]}

    kinds = ("ACCOUNT", "ORGANIZATION_UNUSED_ACCESS", "ACCOUNT_INTERNAL_ACCESS")
    client = Fake(list_analyzers={"analyzers": [*map(analyzer, kinds), {**analyzer("ACCOUNT"), "status": "DISABLED"}]})
    client._answers["list_findings_v2"] = findings
    found, partial = access_findings(lambda _service, _region: client, ["us-east-1"])
    assert [item.kind for item in found] == ["external", "unused", "internal"]
    assert partial == ()


def test_a_region_that_does_not_answer_makes_it_partial_and_all_of_them_missing():
    good = Fake(list_analyzers={"analyzers": [analyzer("ACCOUNT")]}, list_findings_v2={"findings": []})
    bad = Fake(list_analyzers=denied())
    clients = {"us-east-1": good, "eu-west-1": bad}
    found, partial = access_findings(lambda _service, region: clients[region], ["us-east-1", "eu-west-1"])
    assert found == ()
    assert [item.detail for item in partial] == ["eu-west-1: AccessDeniedException"]
    found, partial = access_findings(lambda _service, _region: bad, ["us-east-1"])
    assert found == Missing(Word("missing.regions"), "us-east-1: AccessDeniedException")
    assert partial == ()


def test_without_an_analyzer_nothing_is_known_of_access():
    none = Fake(list_analyzers={"analyzers": []})
    assert access_findings(lambda _service, _region: none, ["us-east-1"]) == (Missing(Word("missing.not_there")), ())


def test_a_key_that_is_ninety_days_old_is_young_still():
    made = (NOW - timedelta(days=90)).isoformat()
    found = {
        item.key: item for item in judged(tuple(read_report(report(line("bob", key1="true", made1=made)))), now=NOW)
    }
    assert found["practice.key_age"].state is State.KEPT
