"""The Config recorder: how privileged identities and the records about them are configured, over time."""

from __future__ import annotations

from dataclasses import dataclass, field

from aws_cdk import Stack
from aws_cdk import aws_config as config
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.accepted_findings import accept
from infra.audit_trail import kept_bucket, retained_policy
from infra.deployment import REGIONS_WITHOUT_IAM_RECORDING, Deployment

CONFIG = "config.amazonaws.com"


@dataclass(frozen=True, kw_only=True)
class ManagedRule:
    """One of AWS's own Config rules, as AWS Config's list of managed rules describes it."""

    name: str
    identifier: str  # not always the name in capitals
    asks: str
    periodic: bool = True  # else it runs when the resource changes, and a frequency is refused
    parameters: dict[str, str] = field(default_factory=dict)
    about_root_mfa: bool = False  # AWS offers these in fewer regions


RULES: tuple[ManagedRule, ...] = (
    ManagedRule(
        name="root-account-mfa-enabled",
        identifier="ROOT_ACCOUNT_MFA_ENABLED",
        asks="Does root need MFA?",
        about_root_mfa=True,
    ),
    ManagedRule(
        name="root-account-hardware-mfa-enabled",
        identifier="ROOT_ACCOUNT_HARDWARE_MFA_ENABLED",
        asks="Is root's MFA a device of its own?",
        about_root_mfa=True,
    ),
    ManagedRule(
        name="iam-root-access-key-check", identifier="IAM_ROOT_ACCESS_KEY_CHECK", asks="Has root no access key?"
    ),
    ManagedRule(
        name="iam-policy-no-statements-with-admin-access",
        identifier="IAM_POLICY_NO_STATEMENTS_WITH_ADMIN_ACCESS",
        asks="Does no policy of ours allow everything?",
        periodic=False,
    ),
    ManagedRule(
        name="iam-user-no-policies-check",
        identifier="IAM_USER_NO_POLICIES_CHECK",
        asks="Do users get rights from groups and roles only?",
        periodic=False,
    ),
    ManagedRule(
        name="access-keys-rotated",
        identifier="ACCESS_KEYS_ROTATED",
        asks="Is every access key younger than 90 days?",
        parameters={"maxAccessKeyAge": "90"},
    ),
    ManagedRule(
        name="iam-user-unused-credentials-check",
        identifier="IAM_USER_UNUSED_CREDENTIALS_CHECK",
        asks="Was every password and key used within 45 days?",
        parameters={"maxCredentialUsageAge": "45"},
    ),
    ManagedRule(
        name="mfa-enabled-for-iam-console-access",
        identifier="MFA_ENABLED_FOR_IAM_CONSOLE_ACCESS",
        asks="Does every console user need MFA?",
    ),
    ManagedRule(
        name="iam-password-policy",
        identifier="IAM_PASSWORD_POLICY",
        asks="Is the password policy as strict as CIS 1.8 and 1.9 want it?",
        parameters={
            "MinimumPasswordLength": "14",
            "PasswordReusePrevention": "24",
            "RequireLowercaseCharacters": "true",
            "RequireNumbers": "true",
            "RequireSymbols": "true",
            "RequireUppercaseCharacters": "true",
        },
    ),
    ManagedRule(name="cloudtrail-enabled", identifier="CLOUD_TRAIL_ENABLED", asks="Is there a trail?"),
    ManagedRule(
        name="multi-region-cloudtrail-enabled",
        identifier="MULTI_REGION_CLOUD_TRAIL_ENABLED",
        asks="Does a trail cover all regions?",
    ),
    ManagedRule(
        name="cloud-trail-log-file-validation-enabled",
        identifier="CLOUD_TRAIL_LOG_FILE_VALIDATION_ENABLED",
        asks="Can the log files be proved whole?",
    ),
)


class ConfigRecorder(Construct):
    """Recorder, delivery channel and rules, as `config.mode` says: all, the rules only, or nothing.

    IAM is global: it is recorded, and its rules are evaluated, in the home region only.

    Attributes:
        bucket: where configuration history arrives; None unless the recorder is ours.
    """

    def __init__(self, scope: Construct, id: str, *, deployment: Deployment) -> None:
        super().__init__(scope, id)
        self.bucket: s3.Bucket | None = None
        mode = deployment.config.mode
        recorder = self._recorder(deployment) if mode == "create" else None
        if mode != "skip" and deployment.config.rules:
            self._rules(deployment, recorder)

    def _recorder(self, deployment: Deployment) -> Construct:
        self.bucket = bucket = self._history_bucket(deployment)
        role = self._role(bucket, deployment)
        delivery = self._let_config_deliver(bucket, deployment)
        recorder = config.CfnConfigurationRecorder(
            self,
            "Recorder",
            name=deployment.name,
            role_arn=role.role_arn,
            recording_group=config.CfnConfigurationRecorder.RecordingGroupProperty(
                # "All supported" leaves IAM out, of all things: name the types.
                all_supported=False,
                include_global_resource_types=False,
                resource_types=list(deployment.config.resource_types),
                recording_strategy=config.CfnConfigurationRecorder.RecordingStrategyProperty(
                    use_only="INCLUSION_BY_RESOURCE_TYPES"
                ),
            ),
            recording_mode=config.CfnConfigurationRecorder.RecordingModeProperty(recording_frequency="CONTINUOUS"),
        )
        channel = config.CfnDeliveryChannel(
            self,
            "DeliveryChannel",
            name=deployment.name,
            s3_bucket_name=bucket.bucket_name,
            config_snapshot_delivery_properties=config.CfnDeliveryChannel.ConfigSnapshotDeliveryPropertiesProperty(
                delivery_frequency="TwentyFour_Hours"
            ),
        )
        # Neither may depend on the other: CloudFormation starts the recorder, which waits for a channel, which can
        # only be made once there is a recorder. Created side by side they find each other; with DependsOn either way
        # the deployment hangs until it times out (aws/aws-cdk #3577). Both need the right to write first; the recorder
        # has it by naming its role.
        recorder.node.add_dependency(delivery)
        channel.node.add_dependency(delivery, role)
        return recorder

    def _history_bucket(self, deployment: Deployment) -> s3.Bucket:
        # Not the trail's bucket: Config cannot deliver to one with Object Lock and default retention (AWS Config
        # developer guide, "Managing the Delivery Channel").
        bucket = kept_bucket(self, "History", deployment=deployment, what="config")
        accept(
            bucket,
            "AwsSolutions-S1",
            "Configuration history is a copy: Config itself answers from its own store, and every change it describes "
            "is in the trail too. Who reads the copy is not worth a third bucket.",
        )
        return bucket

    def _role(self, bucket: s3.Bucket, deployment: Deployment) -> iam.Role:
        # A role of our own rather than the service-linked one: an account has only one of those, so that creating it
        # fails wherever Config was ever switched on before.
        stack = Stack.of(self)
        principal = iam.ServicePrincipal(CONFIG, conditions={"StringEquals": {"aws:SourceAccount": deployment.account}})
        role = iam.Role(
            self,
            "Role",
            assumed_by=principal,
            description=f"AWS Config reads configurations and writes their history for {deployment.name}.",
            managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name("service-role/AWS_ConfigRole")],
            inline_policies={
                "deliver": iam.PolicyDocument(
                    statements=[
                        iam.PolicyStatement(
                            actions=["s3:PutObject"],
                            resources=[_history_objects(bucket, deployment)],
                            conditions={"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}},
                        ),
                        iam.PolicyStatement(actions=["s3:GetBucketAcl"], resources=[bucket.bucket_arn]),
                    ]
                )
            },
        )
        accept(
            role,
            "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWS_ConfigRole]",
            "AWS keeps this read-only policy in step with the resource types Config can record; with a list of our "
            "own, a type whose reading needs one more right would silently not be recorded.",
        )
        accept(
            role,
            f"AwsSolutions-IAM5[Resource::<{stack.get_logical_id(_resource_of(bucket))}.Arn>"
            f"/AWSLogs/{deployment.account}/Config/*]",
            "Config names each history file by date, type and a random part; the folder is as exact as it gets.",
        )
        return role

    def _let_config_deliver(self, bucket: s3.Bucket, deployment: Deployment) -> Construct:
        """The bucket policy for Config itself, which delivers in its own name where the role may not."""
        # AWS Config developer guide, "Permissions for the Amazon S3 Bucket for the AWS Config Delivery Channel".
        service = iam.ServicePrincipal(CONFIG)
        ours = {"aws:SourceAccount": deployment.account}
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid="ConfigChecksBucket",
                principals=[service],
                actions=["s3:GetBucketAcl", "s3:ListBucket"],
                resources=[bucket.bucket_arn],
                conditions={"StringEquals": ours},
            )
        )
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid="ConfigDeliversHistory",
                principals=[service],
                actions=["s3:PutObject"],
                resources=[_history_objects(bucket, deployment)],
                conditions={"StringEquals": {**ours, "s3:x-amz-acl": "bucket-owner-full-control"}},
            )
        )
        return retained_policy(bucket)

    def _rules(self, deployment: Deployment, recorder: Construct | None) -> None:
        for rule in RULES:
            if rule.about_root_mfa and not _knows_root_mfa(deployment):
                continue
            resource = config.CfnConfigRule(
                self,
                "".join(word.capitalize() for word in rule.name.split("-")),
                config_rule_name=f"{deployment.name}-{rule.name}",
                description=rule.asks,
                source=config.CfnConfigRule.SourceProperty(owner="AWS", source_identifier=rule.identifier),
                input_parameters=rule.parameters or None,
                maximum_execution_frequency="TwentyFour_Hours" if rule.periodic else None,
            )
            if recorder:  # a rule is refused while there is no recorder
                resource.node.add_dependency(recorder)


def _knows_root_mfa(deployment: Deployment) -> bool:
    # AWS Config developer guide, "root-account-mfa-enabled": not in China, GovCloud and the newest regions.
    return deployment.partition == "aws" and deployment.home_region not in REGIONS_WITHOUT_IAM_RECORDING


def _history_objects(bucket: s3.Bucket, deployment: Deployment) -> str:
    return bucket.arn_for_objects(f"AWSLogs/{deployment.account}/Config/*")


def _resource_of(bucket: s3.Bucket) -> s3.CfnBucket:
    resource = bucket.node.default_child
    assert isinstance(resource, s3.CfnBucket)  # noqa: S101 - what a Bucket is made of
    return resource
