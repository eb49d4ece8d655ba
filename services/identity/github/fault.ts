/** Why a trip to GitHub came to nothing, in the codes that pages show (identity spec 3). */

export type GithubFaultCode =
  | 'invalid_state'
  | 'access_denied'
  | 'github_not_configured'
  | 'github_token_exchange'
  | 'github_token_error'
  | 'github_user_fetch'
  | 'github_profile_link'
  | 'github_profile_create'
  | 'github_token_store'
  | 'github_account_in_use'
  | 'github_installation_invalid'
  | 'github_installation_forbidden'
  | 'github_installation_fetch'
  | 'github_installation_persist'
  | 'signup_closed'
  | 'signup_code_needed'
  | 'account_exists'

/** Ends in a redirect that carries the code; what caused it is for the log. */
export class GithubFault extends Error {
  override name = 'GithubFault'
  constructor(
    readonly code: GithubFaultCode,
    cause?: unknown,
  ) {
    super(code, { cause })
  }
}
