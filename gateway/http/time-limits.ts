/** How long the server has patience with a client. */

/** Waiting for a request, or for the next part of a body. */
export const IDLE_MS = 60_000
/** A head that has begun must be whole by then, however its bytes trickle in. */
export const HEAD_MS = 30_000
/** Until a client takes something of what waits for it. Whoever asks a service has a limit of its own besides. */
export const STALL_MS = 60_000
/** After an answer that ends the connection: for the client to read it. */
export const LINGER_MS = 2_000
