"""Each peer's rule in the labels: ours that watch for the same, or why none does; and where they decide otherwise."""

from __future__ import annotations

from collections.abc import Mapping

_PANTHER = "panther-analysis:AWS"
_STREAMALERT = "streamalert"

# A peer's rule -> ours; it agrees where one of ours fires if and only if the peer's does.
PEERS: Mapping[str, tuple[str, ...]] = {
    # Root
    "AWS.CloudTrail.RootAccessKeyCreated": ("root-access-key-created",),
    "AWS.CloudTrail.RootPasswordChanged": ("root-credentials-changed",),
    "AWS.Console.RootLogin": ("root-console-login",),
    "AWS.Console.RootLoginFailed": ("root-login-failed",),
    "AWS.Root.Activity": ("root-console-login", "root-activity"),
    "cloudtrail_root_account_usage": ("root-activity",),
    "AWS.Console.GetSigninToken.Abuse": ("root-federated",),
    # Sign-in
    "AWS.Console.LoginWithoutMFA": ("root-console-login", "admin-console-login", "cis-console-login-without-mfa"),
    "AWS.Console.LoginWithoutSAML": ("admin-console-login",),
    "AWS.CloudTrail.PasswordSpraying": ("cis-console-authentication-failures",),
    # Becoming administrator
    "AWS.IAM.AttachAdminRolePolicy": ("admin-policy-attached",),
    "AWS.CloudTrail.IAMCompromisedKeyQuarantine": ("leaked-key-quarantined",),
    "AWS.IAM.AccessKeyCompromised-prototype": ("leaked-key-quarantined",),
    "key_compromised": ("leaked-key-quarantined",),
    "AWS.IAM.Backdoor.User.Keys": ("access-key-created",),
    "AWS.IAM.BackdoorRole": ("role-trust-widened",),
    "AWS.IAM.CreateRole": ("role-trust-widened",),
    "AWS.IAM.CredentialsUpdated": ("admin-credential-created",),
    "cloudtrail_mfa_policy_abuse_attempt": ("admin-credential-created",),
    "AWS.Suspicious.SAML.Activity": ("identity-provider-changed",),
    "AWS.CloudTrail.AttemptToLeaveOrg": ("organization-guardrail-changed",),
    "Standard.NewAWSAccountCreated": ("organization-guardrail-changed",),
    "AWS.CloudTrail.IAMAssumeRoleBlacklistIgnored": ("admin-session-started",),
    "AWS.IAM.PolicyModified": ("protecting-deny-removed", "cis-iam-policy-changed"),
    "AWS.CloudTrail.IAMAnythingChanged": ("admin-policy-attached", "admin-policy-written", "cis-iam-policy-changed"),
    # Blinding
    "security_config_tampering": ("trail-tampered",),
    "AWS.CloudTrail.EventSelectorsDisabled": ("trail-tampered",),
    "AWS.CloudTrail.SecurityConfigurationChange": ("trail-tampered",),
    "AWS.CloudTrail.Stopped": ("trail-tampered",),
    "AWS.CloudTrail.ShortLifecycle": ("trail-bucket-changed",),
    "AWS.ConfigService.DisabledDeleted": ("config-recorder-changed",),
    "AWS.IPSet.Modified": ("guardduty-disabled",),
    "AWS.Macie.Evasion": ("macie-disabled",),
    "AWS.SecurityHub.Finding.Evasion": ("securityhub-disabled",),
    # Posture
    "cloudtrail_aws_config": ("config-rule-noncompliant",),
    # The CIS pack
    "AWS.CloudTrail.UnauthorizedAPICall": ("cis-unauthorized-api-calls",),
    "AWS.IAMUser.ReconAccessDenied": ("cis-unauthorized-api-calls",),
    "AWS.CloudTrail.Created": ("cis-trail-changed",),
    "AWS.ConfigService.Created": ("cis-config-changed",),
    "AWS.KMS.CustomerManagedKeyLoss": ("cis-kms-key-disabled-or-deletion",),
    "AWS.S3.BucketPolicyModified": ("cis-s3-bucket-policy-changed",),
    "AWS.S3.DeletePublicAccessBlock": ("cis-s3-bucket-policy-changed",),
    "AWS.CloudTrail.ResourceMadePublic": ("cis-s3-bucket-policy-changed",),
    "resource_made_public_s3": ("cis-s3-bucket-policy-changed",),
    "cloudtrail_public_resources": ("cis-s3-bucket-policy-changed",),
    "cloudtrail_put_bucket_acl": ("cis-s3-bucket-policy-changed",),
    "AWS.EC2.SecurityGroupModified": ("cis-security-group-changed",),
    "AWS.EC2.ManualSecurityGroupChange": ("cis-security-group-changed",),
    "AWS.EC2.NetworkACLModified": ("cis-network-acl-changed",),
    "AWS.CloudTrail.NetworkACLPermissiveEntry": ("cis-network-acl-changed",),
    "cloudtrail_network_acl_ingress_anywhere": ("cis-network-acl-changed",),
    "AWS.EC2.GatewayModified": ("cis-network-gateway-changed",),
    "AWS.EC2.RouteTableModified": ("cis-route-table-changed",),
    "AWS.EC2.VPCModified": ("cis-vpc-changed",),
    # Many things at once
    "cloudtrail_critical_api_calls": (
        "trail-tampered",
        "guardduty-disabled",
        "cis-s3-bucket-policy-changed",
        "cis-vpc-changed",
    ),
    "fivexl.default_rules": (
        "trail-tampered",
        "admin-console-login",
        "cis-unauthorized-api-calls",
        "rootwatch-function-changed",
    ),
}

# Why we do not watch for it -> the peers' rules that do.
OUT_OF_SCOPE: Mapping[str, tuple[str, ...]] = {
    "a user without rights and credentials is nobody yet; the keys and the rights that matter are told when given": (
        "AWS.CloudTrail.IAMEntityCreatedWithoutCloudFormation",
        "AWS.IAM.CreateUser",
        "Standard.NewUserAccountCreated",
    ),
    "reading changes nothing; who is refused ten times is told by cis-unauthorized-api-calls": (
        "AWS.CloudTrail.Account.Discovery",
        "AWS.CloudTrail.Password.Policy.Discovery",
        "AWS.CloudTrail.SES.CheckIdentityVerifications",
        "AWS.CloudTrail.SES.CheckSendQuota",
        "AWS.EC2.DownloadInstanceUserData",
        "AWS.EC2.ManyPasswordReadAttempts",
        "AWS.EC2.Monitoring",
        "AWS.IAM.Group.Read.Only.Events",
        "AWS.RDS.LogFileDownloaded",
        "AWS.RDS.SnapshotEnumeration",
        "AWS.SSM.DecryptSSMParams",
        "AWS.STS.GetCallerIdentity.TruffleHog",
        "AWS.SecretsManager.BatchRetrieveSecretsCatchAll",
        "AWS.SecretsManager.RetrieveSecrets",
    ),
    "that an identity is used, by key, by role, by hand, from where, is work; what GuardDuty finds odd in it is told": (
        "AWS.CloudTrail.IMDSCredentialExfiltration",
        "AWS.CloudTrail.UserAccessKeyAuth",
        "AWS.CloudTrail.VPCE.AccessDenied",
        "AWS.CloudTrail.VPCE.S3ExternalIP",
        "AWS.CloudTrail.VPCE.SensitiveAPICalls",
        "AWS.UnusedRegion",
        "Role.Assumed.by.AWS.Service",
        "Role.Assumed.by.User",
        "clickops",
    ),
    "a region that is switched on changes nobody's rights": ("AWS.CloudTrail.EnableRegion",),
    "it is about machines and functions, not about who may do what; Rootwatch's own functions are watched": (
        "AWS.Bedrock.GuardrailUpdateDelete",
        "AWS.EC2.MultiInstanceConnect",
        "AWS.EC2.Startup.Script.Change",
        "AWS.EC2.StopInstances",
        "AWS.EC2.Traffic.Mirroring",
        "AWS.EC2.Vulnerable.XZ.Image.Launched",
        "AWS.ECR.CRUD",
        "AWS.ECR.EVENTS",
        "AWS.LAMBDA.CRUD",
        "AWS.Lambda.UpdateFunctionCode",
        "AWS.Lambda.UpdateFunctionConfiguration",
        "AWS.Lambda.UpdateFunctionConfiguration-prototype",
        "AWS.Modify.Cloud.Compute.Infrastructure",
        "AWS.Modify.Cloud.Compute.Infrastructure-prototype",
        "AWS.Potential.Backdoor.Lambda",
        "AWS.SSM.DistributedCommand",
        "AWS.WAF.Disassociation",
    ),
    "it is about data; of the buckets only the trail's and Config's are watched so closely, of logs the trail's": (
        "AWS.Bedrock.DeleteModelInvocationLoggingConfiguration",
        "AWS.CloudTrail.DNSLogsDeleted",
        "AWS.EC2.EBS.Encryption.Disabled",
        "AWS.RDS.ActivityStreamStopped",
        "AWS.RDS.AutomatedBackupDeleted",
        "AWS.RDS.ClusterFailover",
        "AWS.RDS.DeletionProtectionDisabled",
        "AWS.RDS.IAMRoleAdded",
        "AWS.RDS.InstanceDeletion",
        "AWS.RDS.InstanceRebooted",
        "AWS.RDS.ManualSnapshotCreated",
        "AWS.RDS.MasterPasswordUpdated",
        "AWS.RDS.SecurityGroupIngressAuthorized",
        "AWS.S3.BucketDeleted",
        "AWS.S3.CopyObject.CrossAccount.Encryption.KMS",
        "AWS.S3.CopyObjectToExternalAccountBucket",
        "AWS.S3.CopyObjectWithClientSideEncryption",
        "AWS.S3.DeleteBucketEncryption",
        "AWS.S3.DeleteObject",
        "AWS.S3.DeleteObjects",
        "AWS.S3.DisableBucketLogging",
        "AWS.S3.DisableMfaDelete",
        "AWS.S3.RansomwareNoteUpload",
        "AWS.S3.SecurityControlDisabling",
        "AWS.S3.SuspendVersioning",
        "cloudtrail_ec2_image_creation",
    ),
    "images, snapshots, databases, builds, objects that are shared: told where Access Analyzer finds it, not by call": (
        "AWS.CloudTrail.AMIModifiedForPublicAccess",
        "AWS.CloudTrail.CodebuildProjectMadePublic",
        "AWS.CloudTrail.SnapshotMadePublic",
        "AWS.RDS.InstanceMadePublic",
        "AWS.RDS.PublicRestore",
        "AWS.RDS.SnapshotCopiedCrossRegion",
        "AWS.RDS.SnapshotExport",
        "AWS.RDS.SnapshotShared",
        "ami_made_public",
        "cloudtrail_put_object_acl_public",
        "cloudtrail_put_object_acl_public_publisher_example",
        "cloudtrail_snapshot_or_ami_made_public",
        "snapshot_made_public",
    ),
}

_PUBLIC = "that something else than a bucket is public is told where Access Analyzer finds it, not by the call"
_BY_WHOM = "the benchmark wants each change, not only those by hand; a declared deployer's go into a digest"

# Case -> why ours says otherwise than the peer.
PEER_DIFFERENCES: Mapping[str, str] = {
    f"{_PANTHER}.CloudTrail.RootPasswordChanged:2": "a failed attempt is told too, with a lower severity",
    f"{_PANTHER}.CloudTrail.SecurityConfigurationChange:4": "a failed attempt is told too, as MEDIUM",
    f"{_PANTHER}.ConfigService.DisabledDeleted:3": "a failed attempt is told too, with a lower severity",
    f"{_PANTHER}.CloudTrail.Stopped:3": "a failed attempt is told too, as MEDIUM",
    f"{_PANTHER}.CloudTrail.UnauthorizedAPICall:2": (
        "the person whose right is missing is refused through a service too; only services in their own roles are not"
    ),
    f"{_PANTHER}.IAMUser.ReconAccessDenied:2": "changes that are refused count as well, not only reads",
    f"{_PANTHER}.Macie.Evasion:2": "how often Macie reports is not whether it looks",
    f"{_PANTHER}.Macie.Evasion:3": "how often Macie reports is not whether it looks",
    f"{_PANTHER}.IAM.Backdoor.User.Keys:1": "every long-lived key is told, as LOW, one's own too",
    f"{_PANTHER}.IAM.CredentialsUpdated:1": "that users change their own passwords is what they should do",
    f"{_PANTHER}.Console.GetSigninToken.Abuse:1": "roles get sign-in links all day; only root's are told",
    f"{_PANTHER}.Console.LoginWithoutMFA:5": "who may be an administrator is announced with MFA too, as INFO",
    f"{_PANTHER}.CloudTrail.ResourceMadePublic:3": "each policy of a bucket is told, as LOW where it is not public",
    f"{_PANTHER}.CloudTrail.ResourceMadePublic:7": "a policy that cannot be read may say anything: it is told",
    f"{_PANTHER}.EC2.ManualSecurityGroupChange:2": _BY_WHOM,
    f"{_PANTHER}.EC2.ManualSecurityGroupChange:3": _BY_WHOM,
    "panther-analysis:Standard.NewAWSAccountCreated:1": "CreateAccount, which asked for it, is told, not how it ended",
    "fivexl-cloudtrail-to-slack:fivexl.default_rules:9": "of functions only Rootwatch's own are watched",
    f"{_STREAMALERT}:cloudtrail_aws_config:1": (
        "Config's own event tells the transition; this is a rule's function that reports, again and again"
    ),
    f"{_STREAMALERT}:cloudtrail_critical_api_calls:1": "a subnet is no way in; the benchmark does not name it either",
    f"{_STREAMALERT}:cloudtrail_critical_api_calls:7": "flow logs show traffic, not who did what in the account",
    f"{_STREAMALERT}:cloudtrail_mfa_policy_abuse_attempt:2": (
        "an MFA device taken from a user who cannot be judged is told, whether or not the caller used one"
    ),
    f"{_STREAMALERT}:cloudtrail_mfa_policy_abuse_attempt:3": (
        "a device that is made and not enabled changes nothing yet"
    ),
    f"{_STREAMALERT}:cloudtrail_network_acl_ingress_anywhere:1": "the record names no service, as AWS's always do",
    f"{_STREAMALERT}:cloudtrail_public_resources:2": _PUBLIC,
    f"{_STREAMALERT}:cloudtrail_public_resources:4": _PUBLIC,
    f"{_STREAMALERT}:cloudtrail_public_resources:7": _PUBLIC,
    f"{_STREAMALERT}:cloudtrail_public_resources:8": _PUBLIC,
    f"{_STREAMALERT}:cloudtrail_public_resources:10": _PUBLIC,
    f"{_STREAMALERT}:cloudtrail_public_resources:11": _PUBLIC,
    f"{_STREAMALERT}:cloudtrail_root_account_usage:2": (
        "invokedBy signin.amazonaws.com has a person behind it, wherever the console sends the call from"
    ),
}
