/** What fails and is tried again, told in words now and then, and whether it has failed for long. */
import type { Environment } from '../../topology/environment.ts'

export interface Health {
  /** `kind` groups what counts as the same trouble. */
  failed(kind: string, message: string): void
  succeeded(kind: string): void
  state(): { readonly reachable: boolean; readonly reason: string | null }
}

interface Trouble {
  readonly sinceMs: number
  message: string
}

const TOLD_EVERY_MS = 1_000
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
  return {
    failed(kind, message) {
      const now = environment.monotonic()
      if (troubles.size < MAX_KINDS || troubles.has(kind)) {
        troubles.set(kind, { sinceMs: troubles.get(kind)?.sinceMs ?? now, message })
      }
      if (now - (toldAtMs.get(kind) ?? Number.NEGATIVE_INFINITY) < TOLD_EVERY_MS) return
      if (toldAtMs.size >= MAX_KINDS) toldAtMs.clear()
      toldAtMs.set(kind, now)
      onProblem?.(message)
    },
    succeeded(kind) {
      answered = true
      if (troubles.size > 0) troubles.delete(kind)
    },
    state() {
      const now = environment.monotonic()
      const trouble = [...troubles.values()].find((each) => !answered || now - each.sinceMs >= toleratedMs)
      if (trouble !== undefined) return { reachable: false, reason: trouble.message }
      return answered ? { reachable: true, reason: null } : { reachable: false, reason: 'no broker has answered yet' }
    },
  }
}
