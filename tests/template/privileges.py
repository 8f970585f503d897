"""What each function may do: the whole matrix, written a second time by hand."""

from __future__ import annotations

GET, PUT, UPDATE, ALL = "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "ALL"
QUERY, READ_SECRET = "dynamodb:Query", "secretsmanager:GetSecretValue"
INVOKE = "lambda:InvokeFunction"
START, GET_OBJECT, PUT_OBJECT = "states:StartExecution", "s3:GetObject", "s3:PutObject"
SEND = "sqs:SendMessage"
SET_TIMER, CLEAR_TIMER = "scheduler:CreateSchedule", "scheduler:DeleteSchedule"
TIMERS, TIMER_ROLE, PASS_ROLE = "HardStops/*", "HardStopTimerRole", "iam:PassRole"
GET_MANY, PUT_MANY = "dynamodb:BatchGetItem", "dynamodb:BatchWriteItem"
LIST_BUCKET = "s3:ListBucket"
DELETE = "dynamodb:DeleteItem"
BOOK = {GET, GET_MANY, QUERY, PUT, UPDATE, DELETE}
ITEM_ACTIONS = {
    GET,
    "dynamodb:BatchGetItem",
    QUERY,
    PUT,
    UPDATE,
    "dynamodb:DeleteItem",
    "dynamodb:ConditionCheckItem",
}
"""What ALL stands for."""

DUE = "SessionsTable/index/by_due"
MATRIX: dict[str, dict[str, set[str]]] = {
    "Authorizer": {"AccessTable": {GET, PUT, UPDATE}, "OperatorKeySecret": {READ_SECRET}},
    "InventoryApi": {
        "InventoryTable": {GET, QUERY},
        "PricesTable": {GET_MANY},
        "SnapshotBucket/*": {GET_OBJECT},
        "SnapshotBucket": {LIST_BUCKET},
        "AccessTable": {UPDATE},
        "OperationsTable": {GET, QUERY},
    },
    "SessionsApi": {
        "SessionsTable": {ALL},
        "AuditTable": {PUT},
        DUE: {ALL},
        "CostsTable": {GET, GET_MANY, PUT, UPDATE},
        "InventoryTable": {GET, QUERY},
        "SnapshotBucket/*": {GET_OBJECT},
        "AccessTable": {UPDATE},
        "RepeatKey": {"kms:Encrypt", "kms:Decrypt"},
        "ProvisionMachine": {START},
        "TeardownMachine": {START},
    },
    "CostsApi": {
        "SessionsTable": {GET},
        "CostsTable": {GET_MANY, QUERY},
        "OperationsTable": {GET},
        "AccessTable": {UPDATE},
    },
    "HeartbeatApi": {"SessionsTable": {GET, PUT}, "OperationsTable": {PUT}},
    "OperatorApi": {
        "AccessTable": {ALL},
        "CostsTable": {GET, QUERY, PUT, UPDATE, DELETE},
        "AuditTable": {PUT, QUERY},
        "AuditTable/index/*": {QUERY},
        "OperationsTable": {QUERY},
        "WebhooksTable": {GET, PUT, DELETE},
        "WebhookKey": {"kms:Encrypt"},
        "ReconcileFunction": {INVOKE},
    },
    "ProvisionStep": {
        "SessionsTable": {ALL},
        "AuditTable": {PUT},
        DUE: {ALL},
        "InventoryTable": {GET, QUERY, PUT, UPDATE},
        "OperationsTable": {GET, PUT, UPDATE},
        "CostsTable": BOOK,
        "SnapshotBucket/*": {GET_OBJECT},
        "VastaiSecret": {READ_SECRET},
        "TensordockSecret": {READ_SECRET},
        "ProbeKey": {"kms:Encrypt"},
        "ProvisionMachine": {START},
        "TeardownMachine": {START},
        TIMERS: {SET_TIMER, CLEAR_TIMER},
        TIMER_ROLE: {PASS_ROLE},
    },
    "VerifySsh": {
        "SessionsTable": {ALL},
        "AuditTable": {PUT},
        "InventoryTable": {QUERY, PUT},
        "ProbeKey": {"kms:Decrypt"},
        "TeardownMachine": {START},
    },
    "TeardownStep": {
        "SessionsTable": {ALL},
        "AuditTable": {PUT},
        DUE: {ALL},
        "InventoryTable": {QUERY, UPDATE},
        "SnapshotBucket/*": {GET_OBJECT},
        "OperationsTable": {GET, PUT, UPDATE},
        "CostsTable": BOOK,
        "VastaiSecret": {READ_SECRET},
        "TensordockSecret": {READ_SECRET},
        "ProvisionMachine": {START},
        TIMERS: {CLEAR_TIMER},
    },
    "RefreshInventory": {
        "AuditTable": {PUT},
        "InventoryTable": {ALL},
        "PricesTable": {GET_MANY, PUT_MANY},
        "SnapshotBucket/*": {GET_OBJECT, PUT_OBJECT},
        "SnapshotBucket": {LIST_BUCKET},
        "VastaiSecret": {READ_SECRET},
        "TensordockSecret": {READ_SECRET},
        "OperationsTable": {ALL},
        "SweepDeadLetters": {SEND},
    },
    "ExpireSessions": {
        "SessionsTable": {ALL},
        "AuditTable": {PUT},
        DUE: {ALL},
        "InventoryTable": {QUERY, PUT},
        "OperationsTable": {ALL},
        "CostsTable": BOOK,
        "ProvisionMachine": {START},
        "TeardownMachine": {START},
        "VerifySshFunction": {INVOKE},
        TIMERS: {CLEAR_TIMER},
        "SweepDeadLetters": {SEND},
    },
    "PublishGauges": {
        "SessionsTable": {GET_MANY, QUERY},
        DUE: {QUERY},
        "InventoryTable": {GET},
        "OperationsTable": {GET},
        "SweepDeadLetters": {SEND},
    },
    "Reconcile": {
        "SessionsTable": {ALL},
        "AuditTable": {PUT},
        DUE: {ALL},
        "InventoryTable": {QUERY, PUT, UPDATE},
        "SnapshotBucket/*": {GET_OBJECT},
        "OperationsTable": {ALL},
        "CostsTable": BOOK,
        "VastaiSecret": {READ_SECRET},
        "TensordockSecret": {READ_SECRET},
        "ProvisionMachine": {START},
        "TeardownMachine": {START},
        TIMERS: {CLEAR_TIMER},
        "SweepDeadLetters": {SEND},
    },
    "HardStop": {
        "SessionsTable": {ALL},
        "CostsTable": BOOK,
        "AuditTable": {PUT},
        "InventoryTable": {QUERY, PUT},
        "TeardownMachine": {START},
        TIMERS: {SET_TIMER, CLEAR_TIMER},
        TIMER_ROLE: {PASS_ROLE},
        "SweepDeadLetters": {SEND},
    },
    "AccrueCosts": {
        "SessionsTable": {GET_MANY, QUERY, DELETE},
        DUE: {GET_MANY, QUERY},
        "AuditTable": {PUT},
        "CostsTable": BOOK,
        "OperationsTable": {PUT},
        "SweepDeadLetters": {SEND},
    },
}
READ_STREAM = {
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
}
MATRIX["PublishEvents"] = {
    "AuditTable/stream/*": READ_STREAM,
    "EventBus": {"events:PutEvents"},
    "EventDeadLetters": {SEND},
}
MATRIX["WebhooksApi"] = {
    "AuditTable": {PUT},
    "WebhooksTable": {ALL},
    "WebhookKey": {"kms:Encrypt", "kms:Decrypt"},
    "AccessTable": {UPDATE},
}
MATRIX["DeliverWebhooks"] = {
    "CostsTable": {GET_MANY},
    "AuditTable": {PUT},
    "SessionsTable": {GET},
    "WebhooksTable": {GET, PUT, UPDATE},
    "WebhookKey": {"kms:Decrypt"},
    "WebhookQueue": {
        "sqs:ReceiveMessage",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        SEND,
    },
    "WebhookDeadLetters": {SEND},
}
