#!/usr/bin/env bash
# Runs inside LocalStack once it is ready: the password of the compose file's Postgres, where the functions look for it.
set -euo pipefail
awslocal secretsmanager create-secret --name standpipe-localstack-database \
  --secret-string "{\"username\":\"standpipe_owner\",\"password\":\"${POSTGRES_PASSWORD}\"}"
