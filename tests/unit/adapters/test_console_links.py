"""Links lead into the AWS console and nowhere else."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.adapters.console_links import Entity, entities_of, entity_link, event_link
from tests.unit.adapters.samples import EVENT_ID, finding
from tests.unit.hostile_strings import HOSTILE

_HOSTS = ("console.aws.amazon.com", "console.amazonaws.cn", "console.amazonaws-us-gov.com")
_TEXTS = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=60), st.text("us-eat1/.#\n", max_size=12))


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("us-east-1", "us-east-1.console.aws.amazon.com"),
        ("ap-northeast-1", "ap-northeast-1.console.aws.amazon.com"),
        ("mx-central-1", "mx-central-1.console.aws.amazon.com"),
        ("cn-north-1", "cn-north-1.console.amazonaws.cn"),
        ("us-gov-west-1", "us-gov-west-1.console.amazonaws-us-gov.com"),
    ],
)
def test_an_event_is_linked_in_its_own_region_and_partition(region: str, host: str) -> None:
    assert event_link(region, EVENT_ID) == f"https://{host}/cloudtrailv2/home?region={region}#/events/{EVENT_ID}"


@pytest.mark.parametrize(
    ("region", "start"),
    [
        ("eu-west-1", "https://us-east-1.console.aws.amazon.com/iam/home?region=us-east-1#/"),
        ("cn-northwest-1", "https://cn-north-1.console.amazonaws.cn/iam/home?region=cn-north-1#/"),
        ("us-gov-east-1", "https://us-gov-west-1.console.amazonaws-us-gov.com/iam/home?region=us-gov-west-1#/"),
    ],
)
def test_iam_is_linked_where_the_partition_has_it(region: str, start: str) -> None:
    assert entity_link(region, Entity(kind="user", name="bob")) == f"{start}users/details/bob"
    assert entity_link(region, Entity(kind="role", name="a+b@c=d,e")) == f"{start}roles/details/a%2Bb%40c%3Dd%2Ce"


@pytest.mark.parametrize("region", ["global", "unknown", "us-iso-east-1", "us-east-1.evil.example", "us-east-1\n", ""])
def test_a_region_that_is_none_gives_no_link(region: str) -> None:
    assert event_link(region, EVENT_ID) is None
    assert entity_link(region, Entity(kind="user", name="bob")) is None


@pytest.mark.parametrize(
    "event_id", ["", "sha256-0123", f"{EVENT_ID}/../../x", f"x{EVENT_ID}", f"{EVENT_ID}\n", "１" * 36]
)
def test_an_event_id_that_is_not_cloudtrails_gives_no_link(event_id: str) -> None:
    assert event_link("us-east-1", event_id) is None


@settings(max_examples=500, deadline=None)
@given(region=_TEXTS, event_id=_TEXTS, subject=_TEXTS, arn=_TEXTS)
def test_no_text_of_an_event_makes_a_link_of_its_own(region: str, event_id: str, subject: str, arn: str) -> None:
    shown = finding(
        subject=f"user {subject}", actor_arn=f"arn:aws:sts::123456789012:assumed-role/{arn}/alice", region="us-east-1"
    )
    links = [event_link(region, event_id), event_link("us-east-1", event_id), event_link(region, EVENT_ID)]
    links += [entity_link("us-east-1", entity) for entity in entities_of(shown)]
    for link in filter(None, links):
        host = urlsplit(link).hostname or ""
        assert host.endswith(tuple(f".{known}" for known in _HOSTS))
        assert host.count(".") == (4 if host.endswith("amazon.com") else 3)
        assert link.isascii()
        assert link.isprintable()
        assert not set(link) & set(" <>|\"'`\\")


def test_whom_the_finding_is_about_comes_first_and_nobody_twice() -> None:
    shown = finding(subject="user bob", actor_arn="arn:aws:iam::123456789012:user/team/alice")
    assert list(entities_of(shown)) == [Entity(kind="user", name="bob"), Entity(kind="user", name="alice")]
    itself = finding(subject="user bob", actor_arn="arn:aws:iam::123456789012:user/bob")
    assert list(entities_of(itself)) == [Entity(kind="user", name="bob")]
    assert list(entities_of(finding(subject="trail main", actor_arn="arn:aws:iam::123456789012:root"))) == []
