"""From the audit to the bus, and from there to people."""

from __future__ import annotations

import json
from typing import Any

from local import aws, stack
from tests.e2e.deployed import Deployed, wait_for
from tests.events import logical_id, sample

CASE = "publish_events/inserted"
DETECTED = "orphan_detected"


def _mailbox(live: Deployed, topic: str) -> tuple[Any, str]:
    """A queue that hears what the topic tells."""
    queues = aws.client("sqs", live.endpoints.emulator_url)
    url = queues.create_queue(QueueName=f"hears-{topic}")["QueueUrl"]
    asked = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    own, arn = asked["Attributes"]["QueueArn"], _arn(live, topic)
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": own,
                "Condition": {"ArnEquals": {"aws:SourceArn": arn}},
            }
        ],
    }
    queues.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    notices = aws.client("sns", live.endpoints.emulator_url)
    notices.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=own)
    return queues, url


def _arn(live: Deployed, topic: str) -> str:
    return stack.physical_ids(live.endpoints.emulator_url)[topic]


def test_a_finding_that_is_published_reaches_the_topic_of_its_weight(live: Deployed) -> None:
    queues, url = _mailbox(live, "AlertsTopic")
    event = sample(CASE)
    image = event["Records"][0]["dynamodb"]["NewImage"]
    image |= {"operation": {"S": DETECTED}, "instance_id": {"S": "told-to-people"}}
    assert live.functions.invoke(logical_id(CASE), event) == {"batchItemFailures": []}

    def heard() -> Any:
        got = queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        told = [json.loads(json.loads(one["Body"])["Message"]) for one in got]
        return [one for one in told if one["detail"].get("instance_id") == "told-to-people"]

    (message,) = wait_for(heard, 20)
    assert message["detail-type"] == DETECTED
    assert message["detail"]["version"] == 1
