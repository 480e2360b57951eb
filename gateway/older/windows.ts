/** Counts requests in fixed windows, by tenant and endpoint, as the older gateway did; and blocks who asks far too often. */
import type { Environment } from '../../topology/environment.ts'
import type { OlderLimits, OlderSettings } from './options.ts'

export type Endpoint = keyof OlderLimits

export interface Verdict {
  readonly allowed: boolean
  /** The tenant has asked so often that it is blocked for a while. */
  readonly blocked: boolean
  /** Of the window that is nearest to its limit. */
  readonly endpoint: Endpoint
  readonly limit: number
  readonly remaining: number
  /** Milliseconds until the window, or the block, ends. */
  readonly resetInMs: number
}

const WINDOW_MS = 60_000
const BLOCK_MS = 300_000
/** Tenants that are counted at once; then the one that was counted first is forgotten. */
const MAX_TENANTS = 10_000
/** Stands for requests that name no tenant; none has this name. */
const UNNAMED = '*'

interface Counted {
  startedMs: number
  readonly counts: Map<Endpoint, number>
  asked: number
  blockedUntilMs: number
}

export class Windows {
  readonly #environment: Environment
  readonly #settings: OlderSettings
  readonly #tenants = new Map<string, Counted>()
  readonly #everyone: Counted

  constructor(environment: Environment, settings: OlderSettings) {
    this.#environment = environment
    this.#settings = settings
    this.#everyone = fresh(environment.monotonic())
  }

  /** Counts a request and says whether it may go on. */
  hit(tenant: string, endpoint: Endpoint): Verdict {
    const nowMs = this.#environment.monotonic()
    const counted = this.#of(tenant, nowMs)
    counted.asked += 1
    if (counted.asked > this.#settings.abusePerWindow && counted.blockedUntilMs <= nowMs) {
      counted.blockedUntilMs = nowMs + BLOCK_MS
    }
    const { blockedUntilMs } = counted
    if (blockedUntilMs > nowMs) {
      const limit = this.#settings.abusePerWindow
      return { allowed: false, blocked: true, endpoint, limit, remaining: 0, resetInMs: blockedUntilMs - nowMs }
    }
    const own = endpoint === 'all' ? null : this.#count(counted, endpoint, nowMs)
    // who is refused takes nothing from the others
    if (own !== null && !own.allowed) return own
    const all = this.#count(renewed(this.#everyone, nowMs), 'all', nowMs)
    return own !== null && all.allowed && own.remaining <= all.remaining ? own : all
  }

  #count(counted: Counted, endpoint: Endpoint, nowMs: number): Verdict {
    const limit = this.#settings.limits[endpoint]
    const count = (counted.counts.get(endpoint) ?? 0) + 1
    if (count <= limit) counted.counts.set(endpoint, count)
    return {
      allowed: count <= limit,
      blocked: false,
      endpoint,
      limit,
      remaining: Math.max(0, limit - count),
      resetInMs: counted.startedMs + WINDOW_MS - nowMs,
    }
  }

  #of(tenant: string, nowMs: number): Counted {
    const name = tenant === '' ? UNNAMED : tenant
    let counted = this.#tenants.get(name)
    if (counted === undefined) {
      if (this.#tenants.size >= MAX_TENANTS) this.#tenants.delete(this.#tenants.keys().next().value!)
      counted = fresh(nowMs)
      this.#tenants.set(name, counted)
    }
    return renewed(counted, nowMs)
  }
}

function fresh(nowMs: number): Counted {
  return { startedMs: nowMs, counts: new Map(), asked: 0, blockedUntilMs: 0 }
}

function renewed(counted: Counted, nowMs: number): Counted {
  if (nowMs - counted.startedMs < WINDOW_MS) return counted
  counted.startedMs = nowMs
  counted.asked = 0
  counted.counts.clear()
  return counted
}
