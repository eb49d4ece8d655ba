/** What a newcomer is told once everything runs. */

/** Lines to type as they are. */
export function firstSteps(baseUrl: string): string {
  return `
  ${baseUrl}

  Open it to make an account and an access token. Or by hand:

    curl -c cookies.txt ${baseUrl}/api/auth/sign-up/email -H 'content-type: application/json' \\
      -d '{"email":"you@example.com","password":"a-long-password"}'

  README.md goes on from there; npm run demo shows the whole tour. Ctrl-C stops everything.
`
}
