/** What the older gateway held its clients to. */

/** Requests in a window of 60 s: of one tenant by endpoint; `all`: of everyone to every endpoint together. */
export interface OlderLimits {
  readonly decide: number
  readonly messages: number
  readonly registry: number
  readonly all: number
}

export interface OlderOptions {
  /** Default 50, 100, 200 and 1000. */
  readonly limits?: Partial<OlderLimits>
  /** Requests of a tenant in a window after which it is blocked for 5 minutes, those that were refused included. Default 500. */
  readonly abusePerWindow?: number
  /** Whether requests without `Authorization: Bearer ...` are refused; only that it is there is looked at. Default false. */
  readonly requireAuthorization?: boolean
  /** How long a decision is waited for before the answer is 503. Default 5 s. */
  readonly decisionTimeoutMs?: number
  /** Who follows messages at once. Default 64. */
  readonly maxStreams?: number
}

export interface OlderSettings extends Required<Omit<OlderOptions, 'limits'>> {
  readonly limits: OlderLimits
}

const LIMITS: OlderLimits = { decide: 50, messages: 100, registry: 200, all: 1000 }
const DEFAULTS = { abusePerWindow: 500, requireAuthorization: false, decisionTimeoutMs: 5_000, maxStreams: 64 }

export function olderSettings({ limits, ...options }: OlderOptions = {}): OlderSettings {
  return { ...DEFAULTS, ...options, limits: { ...LIMITS, ...limits } }
}
