import type { TopicPartition } from '../kafka-client/contract.ts'

/** Partitions 0 to `count` - 1 of a topic. */
export function partitionsOf(topic: string, count: number): readonly TopicPartition[] {
  return Array.from({ length: count }, (_, partition) => ({ topic, partition }))
}
