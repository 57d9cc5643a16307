"""A Slack on your own machine: the Web API, Slack's refusals, its interactivity, and a page to look at."""

from local.slack.faults import Fault, RateLimit
from local.slack.interactivity import Delivery
from local.slack.server import SlackServer, SlackServerError
from local.slack.workspace import Channel, NotFoundError

__all__ = ["Channel", "Delivery", "Fault", "NotFoundError", "RateLimit", "SlackServer", "SlackServerError"]
