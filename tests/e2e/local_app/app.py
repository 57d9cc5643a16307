"""A small CDK app that asks the local AWS for what the alerting pipeline needs from it."""

import os

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs

app = cdk.App()
stack = cdk.Stack(
    app,
    "LocalApp",
    env=cdk.Environment(account=os.environ["CDK_DEFAULT_ACCOUNT"], region=os.environ["CDK_DEFAULT_REGION"]),
)
dead = sqs.Queue(stack, "Dead")
queue = sqs.Queue(
    stack,
    "Queue",
    visibility_timeout=cdk.Duration.seconds(30),
    dead_letter_queue=sqs.DeadLetterQueue(queue=dead, max_receive_count=3),
)
topic = sns.Topic(stack, "Topic")
topic.add_subscription(subscriptions.EmailSubscription("alice@example.com"))
function = lambda_.Function(
    stack,
    "Function",
    runtime=lambda_.Runtime.PYTHON_3_13,
    handler="index.handler",
    code=lambda_.Code.from_asset("function"),
    timeout=cdk.Duration.seconds(10),
    environment={"SINK": os.environ["SINK"], "TOPIC": topic.topic_arn, "QUEUE": queue.queue_url},
)
function.add_event_source(sources.SqsEventSource(queue, batch_size=5, report_batch_item_failures=True))
topic.grant_publish(function)

writes = events.Rule(
    stack,
    "Writes",
    event_pattern=events.EventPattern(source=["aws.iam", "aws.signin"]),
    targets=[targets.SqsQueue(queue)],
)
everything = events.Rule(
    stack, "Everything", event_pattern=events.EventPattern(source=["aws.sts"]), targets=[targets.SqsQueue(queue)]
)
rule = everything.node.default_child
assert isinstance(rule, events.CfnRule)
rule.state = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"

url = function.add_function_url(auth_type=lambda_.FunctionUrlAuthType.NONE)
cdk.CfnOutput(stack, "DeadUrl", value=dead.queue_url)
cdk.CfnOutput(stack, "TopicArn", value=topic.topic_arn)
cdk.CfnOutput(stack, "FunctionUrl", value=url.url)
app.synth()
