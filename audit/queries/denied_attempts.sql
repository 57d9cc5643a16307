-- title: Denied privileged attempts
-- title.ja: 拒否された特権操作の試み
-- answers: Attempts to change identities, rights, logs or the organisation that were denied. A denied call rarely says what it asked for.
-- answers.ja: ID、権限、ログ、組織の変更で拒否された試み。
SELECT DISTINCT
  eventtime AS time,
  eventname AS operation,
  coalesce(useridentity.arn, useridentity.principalid, useridentity.invokedby, useridentity.accountid, 'unknown') AS actor,
  eventsource AS service,
  requestparameters AS request,
  errormessage AS message,
  errorcode AS error,
  sourceipaddress AS source_ip,
  coalesce(recipientaccountid, useridentity.accountid) AS account,
  awsregion AS region,
  eventid AS event_id
FROM cloudtrail
WHERE account IN (:account) AND region IN (:region)
  AND day BETWEEN :from_day AND :to_day
  AND eventtime >= :from_time AND eventtime < :to_time
  AND errorcode IN ('AccessDenied', 'AccessDeniedException', 'Client.UnauthorizedOperation', 'UnauthorizedOperation')
  AND eventsource IN (
    'iam.amazonaws.com', 'sts.amazonaws.com', 'organizations.amazonaws.com', 'sso.amazonaws.com',
    'identitystore.amazonaws.com', 'sso-directory.amazonaws.com', 'cloudtrail.amazonaws.com',
    'config.amazonaws.com', 'account.amazonaws.com', 'kms.amazonaws.com'
  )
  AND coalesce(readonly, 'false') <> 'true'
ORDER BY time, event_id
