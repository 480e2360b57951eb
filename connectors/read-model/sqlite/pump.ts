/** Reads `events` of any log and hands the records to a read model, one batch per partition at a time. */
import type { Log } from '../../../topology/log/port.ts'
import type { EventRecord } from './projection.ts'

const BATCH = 2000

export interface EventSink {
  apply(partition: number, records: readonly EventRecord[]): Promise<void>
}

/** Begins at `positions`, one per partition. Returns a function that stops it and resolves when it has stopped. */
export function startPump(
  log: Log,
  positions: readonly number[],
  sink: EventSink,
  onFailed: (error: unknown) => void,
): () => Promise<void> {
  const readers = positions.map((offset, partition) => log.read('events', partition, { offset }))
  let stopped = false
  const pump = async (partition: number): Promise<void> => {
    const reader = readers[partition]!
    while (!stopped) {
      const records = await reader.next(BATCH)
      if (records.length > 0) await sink.apply(partition, records)
    }
  }
  const pumps = Promise.all(readers.map((_, partition) => pump(partition))).catch((error: unknown) => {
    if (!stopped) onFailed(error)
  })
  return async () => {
    stopped = true
    for (const reader of readers) reader.close()
    await pumps
  }
}
