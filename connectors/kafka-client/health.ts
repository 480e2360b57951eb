/** What fails and is tried again, told in words now and then, and whether it has failed for long. */
import type { Environment } from '../../topology/environment.ts'

export interface Health {
  /** `kind` groups what counts as the same trouble. */
  failed(kind: string, message: string): void
  /** Told, but no sign that the cluster is out of reach: a topic that does not exist yet. */
  noticed(kind: string, message: string): void
  succeeded(kind: string): void
  state(): { readonly reachable: boolean; readonly reason: string | null }
}

interface Trouble {
  readonly sinceMs: number
  readonly lastMs: number
  readonly message: string
}

const TOLD_EVERY_MS = 1_000
/** Trouble that has not come again for so long is over, though nothing of its kind was asked for since. */
const OVER_AFTER_MS = 30_000
/** Kinds are few and fixed; a bound in case somebody puts an id in one. */
const MAX_KINDS = 200

/** Not reachable before the first success, and once the same kind of request has failed for `toleratedMs` without a success in between. */
export function createHealth(
  environment: Environment,
  onProblem: ((message: string) => void) | undefined,
  toleratedMs: number,
): Health {
  const troubles = new Map<string, Trouble>()
  const toldAtMs = new Map<string, number>()
  let answered = false
  const noticed = (kind: string, message: string) => {
    const now = environment.monotonic()
    if (now - (toldAtMs.get(kind) ?? Number.NEGATIVE_INFINITY) < TOLD_EVERY_MS) return
    if (toldAtMs.size >= MAX_KINDS) toldAtMs.clear()
    toldAtMs.set(kind, now)
    onProblem?.(message)
  }
  return {
    noticed,
    failed(kind, message) {
      const lastMs = environment.monotonic()
      const before = troubles.get(kind)
      if (before !== undefined || troubles.size < MAX_KINDS) {
        const sinceMs = before === undefined || lastMs - before.lastMs >= OVER_AFTER_MS ? lastMs : before.sinceMs
        troubles.set(kind, { sinceMs, lastMs, message })
      }
      noticed(kind, message)
    },
    succeeded(kind) {
      answered = true
      if (troubles.size > 0) troubles.delete(kind)
    },
    state() {
      const now = environment.monotonic()
      const present = [...troubles.values()].filter(({ lastMs }) => now - lastMs < OVER_AFTER_MS)
      const trouble = present.find(({ sinceMs }) => !answered || now - sinceMs >= toleratedMs)
      if (trouble !== undefined) return { reachable: false, reason: trouble.message }
      return answered ? { reachable: true, reason: null } : { reachable: false, reason: 'no broker has answered yet' }
    },
  }
}
