import type { PartitionInfo } from '../log/port.ts'

/** How many events a read model at these positions, by partition, has not seen. */
export function eventsAfter(positions: readonly number[], partitions: readonly PartitionInfo[]): number {
  const events = partitions.filter(({ topic }) => topic === 'events')
  return events.reduce(
    (lag, { partition, nextOffset }) => lag + Math.max(0, nextOffset - (positions[partition] ?? 0)),
    0,
  )
}
