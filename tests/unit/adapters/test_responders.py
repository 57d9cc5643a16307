"""Who may act: people by name, groups as Slack knows them, and nobody while that is not known."""

from datetime import timedelta

import pytest

from handlers.adapters.responders import Responders
from handlers.alerting.errors import UnavailableError
from tests.building import NOW


class Slack:
    def __init__(self, **groups):
        self.groups, self.asked, self.now, self.down = groups, [], NOW, False

    def members(self, group):
        self.asked.append(group)
        if self.down:
            raise UnavailableError("Slack cannot be reached")
        return frozenset(self.groups[group])

    def responders(self, *ids):
        return Responders(ids, members=self.members, clock=lambda: self.now)


def test_where_nobody_is_named_whoever_can_press_may():
    assert Slack().responders().include("U9")


def test_people_by_name_need_no_question():
    slack = Slack(S1=["U2"])
    responders = slack.responders("U1", "S1")
    assert responders.include("U1")
    assert slack.asked == []


def test_the_members_of_each_group_may_and_others_may_not():
    responders = Slack(S1=["U1"], S2=["U2"]).responders("S1", "S2")
    assert [responders.include(user) for user in ("U1", "U2", "U3")] == [True, True, False]


def test_a_group_is_asked_for_once_in_five_minutes():
    slack = Slack(S1=["U1"])
    responders = slack.responders("S1")
    assert all(responders.include("U1") for _ in range(9))
    slack.now += timedelta(minutes=4, seconds=59)
    responders.include("U1")
    assert slack.asked == ["S1"]
    slack.now += timedelta(seconds=1)
    slack.groups["S1"] = []
    assert not responders.include("U1"), "who left the group may not any more"


def test_a_group_that_is_not_known_now_is_no_yes():
    slack = Slack(S1=["U1"])
    responders = slack.responders("U2", "S1")
    assert responders.include("U1")
    slack.now += timedelta(minutes=5)
    slack.down = True
    with pytest.raises(UnavailableError):
        responders.include("U1")
    assert responders.include("U2"), "people by name may all the same"
