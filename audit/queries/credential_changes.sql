-- title: Passwords and second factors changed
-- title.ja: パスワードと多要素認証の変更
-- answers: Console passwords set, changed or removed, and MFA devices added or taken away, of IAM users and of root.
-- answers.ja: コンソールパスワードと MFA デバイスの変更。
SELECT DISTINCT
  eventtime AS time,
  eventname AS operation,
  coalesce(useridentity.arn, useridentity.principalid, useridentity.invokedby, useridentity.accountid, 'unknown') AS actor,
  coalesce(json_extract_scalar(requestparameters, '$.userName'), useridentity.username, useridentity.type) AS resource,
  json_extract_scalar(requestparameters, '$.serialNumber') AS device,
  errorcode AS error,
  sourceipaddress AS source_ip,
  coalesce(recipientaccountid, useridentity.accountid) AS account,
  awsregion AS region,
  eventid AS event_id
FROM cloudtrail
WHERE account IN (:account) AND region IN (:region)
  AND day BETWEEN :from_day AND :to_day
  AND eventtime >= :from_time AND eventtime < :to_time
  AND eventsource IN ('iam.amazonaws.com', 'signin.amazonaws.com')
  AND eventname IN (
    'CreateLoginProfile', 'UpdateLoginProfile', 'DeleteLoginProfile', 'ChangePassword', 'PasswordUpdated',
    'PasswordRecoveryRequested', 'PasswordRecoveryCompleted', 'EmailUpdated', 'EnableMFADevice',
    'DeactivateMFADevice', 'DeleteVirtualMFADevice', 'CreateVirtualMFADevice', 'ResyncMFADevice',
    'UpdateAccountPasswordPolicy', 'DeleteAccountPasswordPolicy'
  )
ORDER BY time, event_id
