/** Says the same thing again only now and then: what is tried again every second would fill the log. */
import type { Environment } from '../../topology/environment.ts'

const EVERY_MS = 30_000
/** Different messages that are remembered. */
const MAX_REMEMBERED = 100

export function withoutRepeats(
  environment: Pick<Environment, 'monotonic'>,
  tell: (message: string) => void,
  everyMs: number = EVERY_MS,
): (message: string) => void {
  const saidAt = new Map<string, number>()
  return (message) => {
    const now = environment.monotonic()
    const before = saidAt.get(message)
    if (before !== undefined && now - before < everyMs) return
    saidAt.delete(message)
    saidAt.set(message, now)
    if (saidAt.size > MAX_REMEMBERED) saidAt.delete(saidAt.keys().next().value!)
    tell(message)
  }
}
