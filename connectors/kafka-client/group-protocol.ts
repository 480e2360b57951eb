/**
 * What members of a group tell each other through the broker, in the encoding of Kafka's own consumers, so that Kafka's tools can show it:
 *
 *   subscription: version i16 = 2 | topics | user data: topic, partitions being let go | owned: topic, partitions | generation i32 in which they were owned
 *   assignment:   version i16 = 0 | topic, partitions | user data
 */
import type { TopicPartition } from './contract.ts'
import { Reader, Writer } from './wire.ts'

/** Name of our way to divide; all members of a group must know it. */
export const ASSIGNER = 'beamline-sticky'

export interface Subscription {
  readonly topics: readonly string[]
  /** What the member works on. */
  readonly owned: readonly TopicPartition[]
  /** What it is about to let go of. */
  readonly releasing: readonly TopicPartition[]
  /** -1: none. */
  readonly generation: number
}

export function encodeSubscription({ topics, owned, releasing, generation }: Subscription): Buffer {
  const writer = new Writer().int16(2)
  writer.array(topics, (each, topic) => each.string(topic))
  writer.bytes(writePartitions(new Writer(), releasing).bytesWritten())
  return writePartitions(writer, owned).int32(generation).bytesWritten()
}

/** @throws {RangeError} if it is cut off */
export function decodeSubscription(bytes: Buffer): Subscription {
  const reader = new Reader(bytes)
  const version = reader.int16()
  const topics = reader.array((each) => each.string() ?? '')
  const userData = reader.bytes()
  const releasing = userData === null ? [] : readPartitions(new Reader(userData))
  const owned = version >= 1 ? readPartitions(reader) : []
  return { topics, owned, releasing, generation: version >= 2 ? reader.int32() : -1 }
}

export function encodeAssignment(partitions: readonly TopicPartition[]): Buffer {
  return writePartitions(new Writer().int16(0), partitions).bytes(null).bytesWritten()
}

/** An empty one stands for no partitions. @throws {RangeError} if it is cut off */
export function decodeAssignment(bytes: Buffer): readonly TopicPartition[] {
  if (bytes.length === 0) return []
  const reader = new Reader(bytes)
  reader.int16()
  return readPartitions(reader)
}

function writePartitions(writer: Writer, partitions: readonly TopicPartition[]): Writer {
  return writer.array([...Map.groupBy(partitions, ({ topic }) => topic)], (_, [topic, ofTopic]) => {
    writer.string(topic).array(ofTopic, (each, { partition }) => each.int32(partition))
  })
}

function readPartitions(reader: Reader): TopicPartition[] {
  const topics = reader.array((each) => {
    const topic = each.string() ?? ''
    return each.array(() => ({ topic, partition: each.int32() }))
  })
  return topics.flat()
}
