/** The services behind the gateway, and every name that may sign an assertion. */
export const SERVICE_NAMES = ['identity', 'projects', 'runtime'] as const
export type ServiceName = (typeof SERVICE_NAMES)[number]

/** Issuer of the assertions that carry an outside caller (gateway spec 9). */
export const GATEWAY_ISSUER = 'mogplex-gateway'

export type Issuer = typeof GATEWAY_ISSUER | ServiceName
