/** The two ways a remote is refused (projects spec 1, 3). Neither text ever holds a credential or an address. */
import { ApiError } from '../errors.ts'

const details = { field: 'remote_url' }

/** 400: this remote may not be used, whatever answers there. */
export function invalidRemote(reason: string): ApiError {
  return new ApiError('INVALID_REMOTE', `remote_url: ${reason}`, { details })
}

/** 400: the remote may be used, but git could not read it; `cause` says more to us. */
export function remoteUnreachable(reason: string, cause?: unknown): ApiError {
  return new ApiError('REMOTE_UNREACHABLE', `remote_url: ${reason}`, { details, cause })
}
