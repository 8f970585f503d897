"""DynamoDB and S3: functions per item type; attribute names and keys are known here alone."""
