#!/bin/sh
# Answers git's prompts from the environment, so that no credential is ever an argument.
case "$1" in
  Username*) printf '%s\n' "$ASKPASS_USERNAME" ;;
  *) printf '%s\n' "$ASKPASS_TOKEN" ;;
esac
