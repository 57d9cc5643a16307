"""Passes each message on over HTTP; one that is refused there is tried again a second later."""

import json
import os
import urllib.error
import urllib.request

import boto3


def handler(event, _context):
    """SQS batch -> partial failures; anything else (the function URL) is greeted."""
    if "Records" not in event:
        return {"statusCode": 200, "body": "hello"}
    failures = []
    for record in event["Records"]:
        envelope = json.loads(record["body"])
        receives = record["attributes"]["ApproximateReceiveCount"]
        request = urllib.request.Request(
            os.environ["SINK"], data=json.dumps({"receives": receives, "envelope": envelope}).encode()
        )
        try:
            urllib.request.urlopen(request, timeout=5).close()
        except urllib.error.HTTPError as error:
            error.close()
            boto3.client("sqs").change_message_visibility(
                QueueUrl=os.environ["QUEUE"], ReceiptHandle=record["receiptHandle"], VisibilityTimeout=1
            )
            failures.append({"itemIdentifier": record["messageId"]})
            continue
        boto3.client("iam").list_users()  # a call of the pipeline's own, which must not come round again
        boto3.client("sns").publish(TopicArn=os.environ["TOPIC"], Subject="Alert", Message=envelope["id"])
    return {"batchItemFailures": failures}
