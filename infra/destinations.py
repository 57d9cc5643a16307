"""The destinations beside Slack and e-mail: their topics, and the places of their secrets."""

from __future__ import annotations

from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from handlers.alerting import telling
from infra.deployment import Deployment
from infra.python_function import PythonFunction
from infra.stored_secret import StoredSecret

TELLING_FILE = "configuration/telling.json"  # in the functions' bundle


class Destinations(Construct):
    """What `[destinations.NAME]` needs in AWS.

    Attributes:
        topics: behind each destination of addresses, by the destination's name.
        secrets: the place of each destination's secret, by its name.
    """

    def __init__(self, scope: Construct, id: str, *, deployment: Deployment) -> None:
        super().__init__(scope, id)
        self.topics: dict[str, sns.Topic] = {}
        self.secrets: dict[str, StoredSecret] = {}
        for name, destination in deployment.destinations.items():
            if destination.type == "email":
                topic = sns.Topic(
                    self,
                    f"Email-{name}",
                    topic_name=deployment.destination_topic_arn(name).rpartition(":")[2],
                    display_name=f"Rootwatch {name}",
                    enforce_ssl=True,
                )
                for address in destination.addresses:
                    topic.add_subscription(subscriptions.EmailSubscription(address))
                self.topics[name] = topic
            if destination.has_secret:
                self.secrets[name] = StoredSecret(
                    self,
                    f"Secret-{name}",
                    deployment=deployment,
                    name=deployment.destination_secret_name(name),
                    description=f"What Rootwatch tells the destination {name} with",
                    store=deployment.slack.token_store,
                )

    def grant_telling(self, function: PythonFunction) -> None:
        """Let `function` tell every destination."""
        if self.topics:
            function.allow(["sns:Publish"], [topic.topic_arn for topic in self.topics.values()])
        for secret in self.secrets.values():
            secret.grant_read(function)


def telling_of(deployment: Deployment) -> telling.Telling:
    """Who is told, as the functions carry it."""
    store = deployment.slack.token_store
    return telling.Telling(
        routing=deployment.routing,
        destinations=tuple(
            telling.Destination(
                name=name,
                kind=item.type,
                language=item.language or deployment.display.language,
                channel=item.channel or "",
                topic_arn=deployment.destination_topic_arn(name) if item.type == "email" else "",
                url=item.url or "",
                region=item.region,
                secret=f"{store}:{deployment.destination_secret_name(name)}" if item.has_secret else "",
            )
            for name, item in deployment.destinations.items()
        ),
        reminders=deployment.reminders.as_reminders(deployment.hours_of_work),
        on_call=deployment.reminders.on_call or deployment.react.on_call,
    )


def telling_files(deployment: Deployment) -> dict[str, bytes]:
    """What the functions carry of it; nothing where nothing is declared, so that theirs is the bundle of everybody."""
    is_declared = bool(deployment.destinations or deployment.routes or deployment.needs_alarms)
    return {TELLING_FILE: telling_of(deployment).to_json().encode()} if is_declared else {}
