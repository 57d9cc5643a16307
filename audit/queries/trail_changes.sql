-- title: Trail, Config and log bucket changes
-- title.ja: 証跡・Config・ログバケットの変更
-- answers: Every change of trails, of AWS Config, of logs, and of how buckets are protected, attempts that failed included.
-- answers.ja: 証跡、AWS Config、ログ、バケット保護の変更。失敗した試みも含む。
-- parameter: bucket  varchar  "%"  the pattern (LIKE) of names of buckets to look at
SELECT DISTINCT
  eventtime AS time,
  eventname AS operation,
  coalesce(useridentity.arn, useridentity.principalid, useridentity.invokedby, useridentity.accountid, 'unknown') AS actor,
  CASE
    WHEN eventsource = 'cloudtrail.amazonaws.com' THEN 'trail'
    WHEN eventsource = 'config.amazonaws.com' THEN 'config'
    WHEN eventsource = 's3.amazonaws.com' THEN 'bucket'
    ELSE 'logs'
  END AS what,
  coalesce(
    json_extract_scalar(requestparameters, '$.name'), json_extract_scalar(requestparameters, '$.trailName'),
    json_extract_scalar(requestparameters, '$.bucketName'), json_extract_scalar(requestparameters, '$.configurationRecorderName'),
    json_extract_scalar(requestparameters, '$.logGroupName')
  ) AS resource,
  requestparameters AS request,
  errorcode AS error,
  sourceipaddress AS source_ip,
  coalesce(recipientaccountid, useridentity.accountid) AS account,
  awsregion AS region,
  eventid AS event_id
FROM cloudtrail
WHERE account IN (:account) AND region IN (:region)
  AND day BETWEEN :from_day AND :to_day
  AND eventtime >= :from_time AND eventtime < :to_time
  AND (
    (
      eventsource = 'cloudtrail.amazonaws.com'
      AND eventname IN (
        'CreateTrail', 'UpdateTrail', 'DeleteTrail', 'StartLogging', 'StopLogging', 'PutEventSelectors',
        'PutInsightSelectors', 'CreateEventDataStore', 'UpdateEventDataStore', 'DeleteEventDataStore',
        'StartEventDataStoreIngestion', 'StopEventDataStoreIngestion', 'RegisterOrganizationDelegatedAdmin',
        'DeregisterOrganizationDelegatedAdmin', 'PutResourcePolicy', 'DeleteResourcePolicy'
      )
    )
    OR (
      eventsource = 'config.amazonaws.com'
      AND eventname IN (
        'PutConfigurationRecorder', 'DeleteConfigurationRecorder', 'StartConfigurationRecorder',
        'StopConfigurationRecorder', 'PutDeliveryChannel', 'DeleteDeliveryChannel', 'DeleteConfigRule',
        'DeleteRetentionConfiguration', 'PutRetentionConfiguration', 'DeleteConformancePack',
        'DeleteOrganizationConfigRule'
      )
    )
    OR (
      eventsource = 's3.amazonaws.com'
      AND eventname IN (
        'DeleteBucket', 'PutBucketPolicy', 'DeleteBucketPolicy', 'PutBucketAcl', 'PutBucketLifecycle',
        'PutBucketLifecycleConfiguration', 'DeleteBucketLifecycle', 'PutBucketVersioning', 'PutBucketLogging',
        'PutBucketPublicAccessBlock', 'DeleteBucketPublicAccessBlock', 'PutBucketEncryption',
        'DeleteBucketEncryption', 'PutObjectLockConfiguration', 'PutBucketReplication', 'DeleteBucketReplication',
        'PutBucketOwnershipControls', 'PutBucketNotification'
      )
      AND (json_extract_scalar(requestparameters, '$.bucketName') LIKE :bucket OR requestparameters IS NULL)
    )
    OR (eventsource = 'logs.amazonaws.com' AND eventname IN ('DeleteLogGroup', 'DeleteLogStream', 'PutRetentionPolicy'))
    OR (eventsource = 'ec2.amazonaws.com' AND eventname = 'DeleteFlowLogs')
  )
ORDER BY time, event_id
