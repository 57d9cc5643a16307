-- title: Trust changes
-- title.ja: 信頼関係の変更
-- answers: Who may become a role: roles made, their trust policies changed, identity providers added, changed or removed.
-- answers.ja: ロールを引き受けられる者の変更。ロール作成、信頼ポリシー、ID プロバイダー。
SELECT DISTINCT
  eventtime AS time,
  eventname AS operation,
  coalesce(useridentity.arn, useridentity.principalid, useridentity.invokedby, useridentity.accountid, 'unknown') AS actor,
  coalesce(
    json_extract_scalar(requestparameters, '$.roleName'), json_extract_scalar(requestparameters, '$.name'),
    json_extract_scalar(requestparameters, '$.sAMLProviderArn'), json_extract_scalar(requestparameters, '$.openIDConnectProviderArn'),
    json_extract_scalar(requestparameters, '$.url')
  ) AS resource,
  coalesce(json_extract_scalar(requestparameters, '$.assumeRolePolicyDocument'), json_extract_scalar(requestparameters, '$.policyDocument')) AS document,
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
    'CreateRole', 'UpdateAssumeRolePolicy', 'CreateSAMLProvider', 'UpdateSAMLProvider', 'DeleteSAMLProvider',
    'CreateOpenIDConnectProvider', 'DeleteOpenIDConnectProvider', 'AddClientIDToOpenIDConnectProvider',
    'UpdateOpenIDConnectProviderThumbprint'
  )
ORDER BY time, event_id
