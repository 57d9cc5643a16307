-- title: Identity Center grants
-- title.ja: Identity Center での付与
-- answers: Who was given which permission set in which account, what permission sets were changed to, and who joined or left a group.
-- answers.ja: 権限セットの割り当てと変更、グループへの参加と離脱。
SELECT DISTINCT
  eventtime AS time,
  eventname AS operation,
  coalesce(useridentity.arn, useridentity.principalid, useridentity.invokedby, useridentity.accountid, 'unknown') AS actor,
  coalesce(json_extract_scalar(requestparameters, '$.targetId'), json_extract_scalar(requestparameters, '$.permissionSetArn'), json_extract_scalar(requestparameters, '$.groupId')) AS resource,
  coalesce(json_extract_scalar(requestparameters, '$.principalId'), json_extract_scalar(requestparameters, '$.memberId.userId'), json_extract_scalar(requestparameters, '$.member.memberId')) AS principal,
  json_extract_scalar(requestparameters, '$.permissionSetArn') AS permission_set,
  coalesce(json_extract_scalar(requestparameters, '$.managedPolicyArn'), json_extract_scalar(requestparameters, '$.inlinePolicy')) AS policy,
  errorcode AS error,
  sourceipaddress AS source_ip,
  coalesce(recipientaccountid, useridentity.accountid) AS account,
  awsregion AS region,
  eventid AS event_id
FROM cloudtrail
WHERE account IN (:account) AND region IN (:region)
  AND day BETWEEN :from_day AND :to_day
  AND eventtime >= :from_time AND eventtime < :to_time
  AND eventsource IN ('sso.amazonaws.com', 'sso-directory.amazonaws.com', 'identitystore.amazonaws.com')
  AND eventname IN (
    'CreateAccountAssignment', 'DeleteAccountAssignment', 'CreatePermissionSet', 'UpdatePermissionSet',
    'DeletePermissionSet', 'ProvisionPermissionSet', 'AttachManagedPolicyToPermissionSet',
    'DetachManagedPolicyFromPermissionSet', 'AttachCustomerManagedPolicyReferenceToPermissionSet',
    'DetachCustomerManagedPolicyReferenceFromPermissionSet', 'PutInlinePolicyToPermissionSet',
    'DeleteInlinePolicyFromPermissionSet', 'PutPermissionsBoundaryToPermissionSet',
    'DeletePermissionsBoundaryFromPermissionSet', 'CreateGroupMembership', 'DeleteGroupMembership', 'AddMemberToGroup',
    'RemoveMemberFromGroup', 'CreateUser', 'DeleteUser', 'CreateGroup', 'DeleteGroup'
  )
ORDER BY time, event_id
