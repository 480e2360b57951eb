/** How many events runs of one flow have brought, as the log has them. */
import { decodeRecord } from '../../schemas/codec/wire.ts'
import type { Log } from '../../topology/log/port.ts'

const AT_ONCE = 1_000

/** Where each partition of `events` ends. */
export async function endOfEvents(log: Log): Promise<readonly number[]> {
  const ends = (await log.describe()).filter(({ topic }) => topic === 'events')
  return ends.sort((a, b) => a.partition - b.partition).map(({ nextOffset }) => nextOffset)
}

/** Of runs that were accepted after `from`. */
export async function eventsOfFlow(
  log: Log,
  flow: string,
  from: readonly number[],
  to: readonly number[],
): Promise<number> {
  let count = 0
  for (const [partition, end] of to.entries()) {
    const runs = new Set<string>()
    const reader = log.read('events', partition, { offset: from[partition]! })
    while (reader.position < end) {
      for (const { message, value, offset } of await reader.next(AT_ONCE)) {
        const event = message ?? decodeRecord(value)
        if (offset >= end || !('runId' in event) || event.runId === null) continue
        if (event.kind === 'RunAccepted' && event.flow === flow) runs.add(event.runId)
        if (runs.has(event.runId)) count++
      }
    }
    reader.close()
  }
  return count
}
