#!/bin/sh
# Answers git's prompts from the environment, so that no credential is ever an argument, and only for the
# origin the credential belongs to.
scheme=${ASKPASS_ORIGIN%%://*}
host=${ASKPASS_ORIGIN#*://}
case "$1" in
  "Username for '$ASKPASS_ORIGIN': ") printf '%s\n' "$ASKPASS_USERNAME" ;;
  "Password for '$scheme://"*"@$host': ") printf '%s\n' "$ASKPASS_TOKEN" ;;
  *) exit 1 ;;
esac
