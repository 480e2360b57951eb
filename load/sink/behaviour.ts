/** How the sink treats an item: a pure function of the item's name and a seed, so that a run of the demo can be repeated. */
import { createHash } from 'node:crypto'

/**
 * - `ok`: takes it.
 * - `busy`: answers the first calls with 503 and `Retry-After`.
 * - `slow`: lets the first call hang until the caller gives up.
 * - `broken`: refuses it with 422 until the sink is repaired.
 */
export type Behaviour = 'ok' | 'busy' | 'slow' | 'broken'

/** Shares of all items, 0..1; the rest is `ok`. */
export interface Shares {
  readonly busy: number
  readonly slow: number
  readonly broken: number
}

export function behaviourOf(item: string, seed: number, shares: Shares): Behaviour {
  const draw = createHash('sha256').update(`${seed}/${item}`).digest().readUInt32BE(0) / 2 ** 32
  if (draw < shares.busy) return 'busy'
  if (draw < shares.busy + shares.slow) return 'slow'
  if (draw < shares.busy + shares.slow + shares.broken) return 'broken'
  return 'ok'
}
