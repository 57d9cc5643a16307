"""The audit trail: CloudTrail's record of every management event, kept where nobody can quietly change it."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_cloudtrail as cloudtrail
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.accepted_findings import accept
from infra.deployment import Deployment

CLOUDTRAIL = "cloudtrail.amazonaws.com"
RETENTION_CALLS = ("PutObjectRetention", "PutObjectLegalHold")
ACCESS_LOG_PREFIX = "trail/"
COLD_AFTER_DAYS = 90
# A deleted record stays recoverable this long: somebody has to notice first. Retention of a record that nobody
# touched ends by becoming non-current as well, so it is really gone this much later.
RECOVERABLE_DAYS = 90


class AuditTrail(Construct):
    """The trail and its bucket: created, taken over as they are, or absent, as `trail.mode` says.

    Attributes:
        bucket: where log files arrive; None without a trail.
        trail_arn: the trail; None without one.
        key: the customer key the records are encrypted with; None where S3's own key is used.
        access_log_bucket: who read the records and who tried to delete them; None where that is not kept.
    """

    def __init__(self, scope: Construct, id: str, *, deployment: Deployment) -> None:
        super().__init__(scope, id)
        self.bucket: s3.IBucket | None = None
        self.trail_arn = deployment.trail_arn
        self.key: kms.Key | None = None
        self.access_log_bucket: s3.Bucket | None = None
        match deployment.trail.mode:
            case "create":
                self._create(deployment)
            case "existing":
                assert deployment.trail_bucket_name is not None  # noqa: S101 - Deployment has checked it
                self.bucket = s3.Bucket.from_bucket_name(self, "Bucket", deployment.trail_bucket_name)
            case "skip":
                pass

    def _create(self, deployment: Deployment) -> None:
        trail_arn = deployment.trail_arn
        assert trail_arn is not None  # noqa: S101 - every mode but "skip" has one
        if deployment.trail.customer_key:
            self.key = self._customer_key(deployment, trail_arn)
        if deployment.trail.access_log == "create":
            self.access_log_bucket = self._access_logs(deployment)
        bucket = self._log_bucket(deployment)
        policy = self._only_this_trail_writes(bucket, deployment, trail_arn)
        trail = cloudtrail.CfnTrail(
            self,
            "Trail",
            trail_name=deployment.trail_name,
            s3_bucket_name=bucket.bucket_name,
            kms_key_id=self.key.key_arn if self.key else None,
            is_logging=True,
            is_multi_region_trail=True,
            include_global_service_events=True,
            is_organization_trail=deployment.trail.organization_id is not None,
            enable_log_file_validation=True,
            advanced_event_selectors=[
                _selector("Management events, read and write", _where("eventCategory", equal_to=["Management"])),
                # Deleting an object is a data event, which a trail leaves out by default. These few cost nothing as
                # long as nobody tries, and S3's own lifecycle does not count as trying.
                _selector(
                    "Attempts on the records themselves",
                    _where("eventCategory", equal_to=["Data"]),
                    _where("resources.type", equal_to=["AWS::S3::Object"]),
                    _where("resources.ARN", starts_with=[bucket.arn_for_objects("")]),
                    _where("eventName", equal_to=["DeleteObject", "DeleteObjects", *RETENTION_CALLS]),
                ),
            ],
        )
        trail.apply_removal_policy(RemovalPolicy.RETAIN)
        # CloudTrail tries to write before it accepts the bucket.
        trail.node.add_dependency(policy)
        self.bucket = bucket

    def _log_bucket(self, deployment: Deployment) -> s3.Bucket:
        retention = Duration.days(deployment.trail.retention_days)
        locked = deployment.trail.object_lock != "none"
        bucket = s3.Bucket(
            self,
            "Bucket",
            bucket_name=deployment.trail_bucket_name,
            versioned=True,
            object_lock_enabled=locked or None,
            object_lock_default_retention=default_retention(deployment) if locked else None,
            encryption=s3.BucketEncryption.KMS if self.key else s3.BucketEncryption.S3_MANAGED,
            encryption_key=self.key,
            bucket_key_enabled=True if self.key else None,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="keep-then-expire",
                    transitions=_cold(deployment.trail.retention_days),
                    expiration=retention,
                    noncurrent_version_expiration=Duration.days(RECOVERABLE_DAYS),
                    abort_incomplete_multipart_upload_after=Duration.days(7),
                ),
                s3.LifecycleRule(id="tidy-delete-markers", expired_object_delete_marker=True),
            ],
            removal_policy=RemovalPolicy.RETAIN,
        )
        resource = bucket.node.default_child
        assert isinstance(resource, s3.CfnBucket)  # noqa: S101 - what a Bucket is made of
        resource.notification_configuration = _notifications(deployment)
        if self.access_log_bucket:
            self._log_access(resource, bucket, self.access_log_bucket, deployment)
        else:
            accept(
                bucket,
                "AwsSolutions-S1",
                'trail.access_log is "none": the deployment does without server access logs. Attempts to delete '
                "records are still recorded, by the trail's own data event selector.",
            )
        return bucket

    def _access_logs(self, deployment: Deployment) -> s3.Bucket:
        # S3 cannot deliver access logs into a bucket with default retention or with a customer key (S3 user guide,
        # "Enabling Amazon S3 server access logging"), hence a bucket of their own.
        bucket = kept_bucket(self, "AccessLogs", deployment=deployment, what="access")
        retained_policy(bucket)
        return bucket

    def _log_access(
        self, resource: s3.CfnBucket, bucket: s3.Bucket, access_logs: s3.Bucket, deployment: Deployment
    ) -> None:
        # Written out, because the L2 property does this or falls back on ACLs, as a feature flag decides.
        resource.logging_configuration = s3.CfnBucket.LoggingConfigurationProperty(
            destination_bucket_name=access_logs.bucket_name, log_file_prefix=ACCESS_LOG_PREFIX
        )
        access_logs.add_to_resource_policy(
            iam.PolicyStatement(
                sid="S3LogsAccess",
                principals=[iam.ServicePrincipal("logging.s3.amazonaws.com")],
                actions=["s3:PutObject"],
                resources=[access_logs.arn_for_objects(f"{ACCESS_LOG_PREFIX}*")],
                conditions={
                    "ArnLike": {"aws:SourceArn": bucket.bucket_arn},
                    "StringEquals": {"aws:SourceAccount": deployment.account},
                },
            )
        )

    def _only_this_trail_writes(self, bucket: s3.Bucket, deployment: Deployment, trail_arn: str) -> Construct:
        """The bucket policy: our trail may write, nobody may delete. Returns the policy, for what must wait for it."""
        # The L2 Trail would grant any trail of any account that CloudTrail speaks for (no aws:SourceArn, even with a
        # fixed name); CloudTrail user guide, "Amazon S3 bucket policy for CloudTrail", asks for the condition.
        cloudtrail_service = iam.ServicePrincipal(CLOUDTRAIL)
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid="TrailReadsBucketAcl",
                principals=[cloudtrail_service],
                actions=["s3:GetBucketAcl"],
                resources=[bucket.bucket_arn],
                conditions={"StringEquals": {"aws:SourceArn": trail_arn}},
            )
        )
        # An organisation trail writes to a folder of the organisation; CloudTrail also needs the one of the account,
        # for the time before or after it was one.
        owners = [deployment.account]
        if deployment.trail.organization_id:
            owners.append(deployment.trail.organization_id)
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid="TrailWritesRecords",
                principals=[cloudtrail_service],
                actions=["s3:PutObject"],
                resources=[bucket.arn_for_objects(f"AWSLogs/{owner}/*") for owner in owners],
                conditions={
                    "StringEquals": {"aws:SourceArn": trail_arn, "s3:x-amz-acl": "bucket-owner-full-control"},
                },
            )
        )
        # Removing a record takes two steps for everybody, root included: change this policy first, which raises an
        # alert. Lifecycle rules are not bound by bucket policies (S3 user guide, "Managing the lifecycle of objects").
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid="NobodyDeletesRecords",
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:BypassGovernanceRetention"],
                resources=[bucket.arn_for_objects("*")],
            )
        )
        return retained_policy(bucket)

    def _customer_key(self, deployment: Deployment, trail_arn: str) -> kms.Key:
        stack = Stack.of(self)
        cloudtrail_service = iam.ServicePrincipal(CLOUDTRAIL)
        # CloudTrail user guide, "Configure AWS KMS key policies for CloudTrail".
        from_this_trail = {"aws:SourceArn": trail_arn}
        context = {
            "kms:EncryptionContext:aws:cloudtrail:arn": stack.format_arn(
                service="cloudtrail", region="*", resource="trail", resource_name="*"
            )
        }
        return kms.Key(
            self,
            "Key",
            alias=f"alias/{deployment.name}-trail",
            description=f"Encrypts the CloudTrail records of {deployment.name}. Without it they cannot be read.",
            enable_key_rotation=True,
            pending_window=Duration.days(30),
            removal_policy=RemovalPolicy.RETAIN,
            policy=iam.PolicyDocument(
                statements=[
                    # Without it nobody could ever change the key again; who may decrypt is then IAM's decision.
                    iam.PolicyStatement(
                        sid="AccountAdministersKey",
                        principals=[iam.AccountRootPrincipal()],
                        actions=["kms:*"],
                        resources=["*"],
                    ),
                    iam.PolicyStatement(
                        sid="TrailEncryptsRecords",
                        principals=[cloudtrail_service],
                        actions=["kms:GenerateDataKey*"],
                        resources=["*"],
                        conditions={"StringEquals": from_this_trail, "StringLike": context},
                    ),
                    # The bucket uses an S3 Bucket Key, for which creating the trail needs Decrypt (same page).
                    iam.PolicyStatement(
                        sid="TrailUsesBucketKey",
                        principals=[cloudtrail_service],
                        actions=["kms:Decrypt", "kms:DescribeKey"],
                        resources=["*"],
                        conditions={"StringEquals": from_this_trail},
                    ),
                ]
            ),
        )


def kept_bucket(
    scope: Construct, id: str, *, deployment: Deployment, what: str, lock: s3.ObjectLockRetention | None = None
) -> s3.Bucket:
    """The bucket "<name>-<what>-<account>-<region>" for what is kept beside the trail: private, versioned, encrypted,
    over TLS only, expiring with the trail's records, and left in place when the stack is deleted.

    With `lock`, no version can be removed before that time is over.
    """
    return s3.Bucket(
        scope,
        id,
        bucket_name=f"{deployment.name}-{what}-{deployment.account}-{deployment.home_region}",
        versioned=True,
        object_lock_enabled=True if lock else None,
        object_lock_default_retention=lock,
        encryption=s3.BucketEncryption.S3_MANAGED,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        enforce_ssl=True,
        minimum_tls_version=1.2,
        lifecycle_rules=[
            s3.LifecycleRule(
                id="keep-then-expire",
                expiration=Duration.days(deployment.trail.retention_days),
                noncurrent_version_expiration=Duration.days(RECOVERABLE_DAYS),
                abort_incomplete_multipart_upload_after=Duration.days(7),
            )
        ],
        removal_policy=RemovalPolicy.RETAIN,
    )


def retained_policy(bucket: s3.Bucket) -> s3.BucketPolicy:
    """The policy of a retained bucket, made to outlive the stack too: without it the trail could no longer write.

    What needs the right to write depends on it.
    """
    assert bucket.policy is not None  # noqa: S101 - enforce_ssl has made one
    bucket.policy.apply_removal_policy(RemovalPolicy.RETAIN)
    return bucket.policy


def default_retention(deployment: Deployment) -> s3.ObjectLockRetention:
    """How long each version is locked, and against whom, as `trail.object_lock` and its days say."""
    period = Duration.days(deployment.trail.object_lock_days)
    if deployment.trail.object_lock == "compliance":
        return s3.ObjectLockRetention.compliance(period)
    return s3.ObjectLockRetention.governance(period)


def _notifications(deployment: Deployment) -> s3.CfnBucket.NotificationConfigurationProperty | None:
    """Who is told of each log object, so that it is swept (infra/trail_sweeper.py).

    The L2 ways of saying this bring a custom resource with a Lambda function and wide rights, also for a bucket that is
    made here: they have to, for buckets that are not.
    """
    match deployment.sweep_source:
        case "notifications":
            rules = [
                s3.CfnBucket.FilterRuleProperty(name="prefix", value=deployment.trail_log_prefix),
                s3.CfnBucket.FilterRuleProperty(name="suffix", value=".json.gz"),
            ]
            return s3.CfnBucket.NotificationConfigurationProperty(
                queue_configurations=[
                    s3.CfnBucket.QueueConfigurationProperty(
                        event="s3:ObjectCreated:*",
                        queue=deployment.logs_queue_arn,
                        filter=s3.CfnBucket.NotificationFilterProperty(
                            s3_key=s3.CfnBucket.S3KeyFilterProperty(rules=rules)
                        ),
                    )
                ]
            )
        case "eventbridge":
            return s3.CfnBucket.NotificationConfigurationProperty(
                event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
            )
    return None


def _cold(retention_days: int) -> list[s3.Transition]:
    """Glacier Instant Retrieval, still readable at once by queries; none where the records do not live that long."""
    if retention_days <= COLD_AFTER_DAYS:
        return []
    return [
        s3.Transition(
            storage_class=s3.StorageClass.GLACIER_INSTANT_RETRIEVAL, transition_after=Duration.days(COLD_AFTER_DAYS)
        )
    ]


def _selector(
    name: str, *conditions: cloudtrail.CfnTrail.AdvancedFieldSelectorProperty
) -> cloudtrail.CfnTrail.AdvancedEventSelectorProperty:
    return cloudtrail.CfnTrail.AdvancedEventSelectorProperty(name=name, field_selectors=list(conditions))


def _where(
    field: str, *, equal_to: list[str] | None = None, starts_with: list[str] | None = None
) -> cloudtrail.CfnTrail.AdvancedFieldSelectorProperty:
    return cloudtrail.CfnTrail.AdvancedFieldSelectorProperty(field=field, equal_to=equal_to, starts_with=starts_with)
