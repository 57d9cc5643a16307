"""What AWS's services found is one case from its first event to its end, and only the service ends it."""

import copy

import pytest

from handlers.alerting.event import Event
from handlers.detections import CATALOGUE
from tests.unit.detections.examples import FIRING

CONFIG, EXTERNAL, HUB = "config-rule-noncompliant", "external-access-found", "securityhub-identity-finding"


def examples(id_):
    return [example for example in FIRING if example.detection.id == id_]


def concern(id_, name):
    (example,) = [item for item in examples(id_) if item.name == name]
    return example.detection.assess(example.event, example.lookups)


@pytest.mark.parametrize("id_", [EXTERNAL, "internal-access-found", "unused-access-found"])
@pytest.mark.parametrize(("status", "over"), [("ACTIVE", False), ("RESOLVED", True), ("ARCHIVED", False)])
def test_a_finding_of_the_analyzer_ends_when_it_is_resolved_not_when_somebody_archives_it(id_, status, over):
    example = next(item for item in examples(id_) if not item.event.text("error"))
    envelope = copy.deepcopy(dict(example.event.envelope))
    envelope["detail"]["status"] = status
    told = example.detection.assess(Event.parse(envelope), example.lookups)
    assert told.case == example.detection.assess(example.event, example.lookups).case != ""
    assert told.over is over


def test_a_finding_that_could_not_be_judged_has_not_ended():
    assert not concern(EXTERNAL, "it could not be judged").over


def test_a_rule_of_config_is_a_case_for_each_resource_and_ends_when_it_is_kept_again():
    ended = concern(CONFIG, "it is right again")
    assert ended.over
    assert not concern(CONFIG, "root lost its MFA").over
    cases = {item.detection.assess(item.event, item.lookups).case for item in examples(CONFIG)}
    assert len(cases) > 1
    assert ended.case.startswith("arn:aws:config:")


def test_a_control_of_security_hub_ends_when_its_check_passes_not_when_somebody_says_so():
    assert concern(HUB, "it is mended").over
    assert concern(HUB, "it is mended").case
    assert not concern(HUB, "it is marked as resolved").over
    assert concern(HUB, "several at once, the worst first, and one that says nothing new").case == ""


def test_only_what_a_service_goes_on_about_is_a_case():
    with_a_case = {
        example.detection.id for example in FIRING if example.detection.assess(example.event, example.lookups).case
    }
    assert with_a_case == {CONFIG, EXTERNAL, HUB, "internal-access-found", "unused-access-found"}
    assert with_a_case <= {detection.id for detection in CATALOGUE}
