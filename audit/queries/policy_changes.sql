-- title: Policy changes with their documents
-- title.ja: ポリシーの変更（文書付き）
-- answers: Every change of IAM policies and of what they are attached to, with the document where there is one; denied ones too.
-- answers.ja: IAM ポリシーとそのアタッチの変更。文書付き。拒否されたものも含む。
SELECT DISTINCT
  eventtime AS time,
  eventname AS operation,
  coalesce(useridentity.arn, useridentity.principalid, useridentity.invokedby, useridentity.accountid, 'unknown') AS actor,
  coalesce(
    json_extract_scalar(requestparameters, '$.userName'), json_extract_scalar(requestparameters, '$.roleName'),
    json_extract_scalar(requestparameters, '$.groupName'), json_extract_scalar(requestparameters, '$.policyName'),
    json_extract_scalar(requestparameters, '$.policyArn')
  ) AS resource,
  json_extract_scalar(requestparameters, '$.policyArn') AS policy,
  json_extract_scalar(requestparameters, '$.policyDocument') AS document,
  errorcode AS error,
  sourceipaddress AS source_ip,
  coalesce(recipientaccountid, useridentity.accountid) AS account,
  awsregion AS region,
  eventid AS event_id
FROM cloudtrail
WHERE account IN (:account) AND region IN (:region)
  AND day BETWEEN :from_day AND :to_day
  AND eventtime >= :from_time AND eventtime < :to_time
  AND eventsource = 'iam.amazonaws.com'
  AND eventname IN (
    'AttachUserPolicy', 'AttachRolePolicy', 'AttachGroupPolicy', 'DetachUserPolicy', 'DetachRolePolicy',
    'DetachGroupPolicy', 'PutUserPolicy', 'PutRolePolicy', 'PutGroupPolicy', 'DeleteUserPolicy', 'DeleteRolePolicy',
    'DeleteGroupPolicy', 'CreatePolicy', 'CreatePolicyVersion', 'SetDefaultPolicyVersion', 'DeletePolicy',
    'DeletePolicyVersion', 'PutUserPermissionsBoundary', 'PutRolePermissionsBoundary',
    'DeleteUserPermissionsBoundary', 'DeleteRolePermissionsBoundary'
  )
ORDER BY time, event_id
