-- title: Identities made and removed
-- title.ja: 作成・削除された ID
-- answers: Users, roles and groups of IAM that were made or removed, and who joined a group.
-- answers.ja: IAM のユーザー・ロール・グループの作成と削除、グループへの参加。
SELECT DISTINCT
  eventtime AS time,
  eventname AS operation,
  coalesce(useridentity.arn, useridentity.principalid, useridentity.invokedby, useridentity.accountid, 'unknown') AS actor,
  coalesce(json_extract_scalar(requestparameters, '$.userName'), json_extract_scalar(requestparameters, '$.roleName'), json_extract_scalar(requestparameters, '$.groupName')) AS resource,
  json_extract_scalar(requestparameters, '$.groupName') AS group_name,
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
    'CreateUser', 'DeleteUser', 'UpdateUser', 'CreateRole', 'DeleteRole', 'CreateGroup', 'DeleteGroup',
    'AddUserToGroup', 'RemoveUserFromGroup', 'CreateServiceLinkedRole', 'CreateInstanceProfile',
    'AddRoleToInstanceProfile'
  )
ORDER BY time, event_id
