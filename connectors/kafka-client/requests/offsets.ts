/** ListOffsets and OffsetFetch; each answers with one code for each partition, left to the caller. */
import type { TopicPartition } from '../contract.ts'
import { assertNoError } from '../protocol-error.ts'
import type { Request } from '../socket.ts'

export interface PartitionOffset extends TopicPartition {
  readonly errorCode: number
  /** -1: none. */
  readonly offset: number
}

/** Times that stand for a place. */
export const EARLIEST = -2
export const LATEST = -1

/** ListOffsets v3, to the leader. With `committedReads` the latest offset is the end for read_committed. */
export const listOffsets = (
  partitions: readonly TopicPartition[],
  timeMs: number,
  committedReads: boolean,
): Request<readonly PartitionOffset[]> => ({
  apiKey: 2,
  apiVersion: 3,
  apiName: 'ListOffsets',
  encode(writer) {
    writer.int32(-1).int8(committedReads ? 1 : 0)
    writer.array([...Map.groupBy(partitions, ({ topic }) => topic)], (_, [topic, ofTopic]) => {
      writer.string(topic).array(ofTopic, (each, { partition }) => each.int32(partition).int64(timeMs))
    })
  },
  decode(reader) {
    reader.int32()
    const topics = reader.array((each) => {
      const topic = each.string() ?? ''
      return each.array(() => {
        const partition = each.int32()
        const errorCode = each.int16()
        each.int64()
        return { topic, partition, errorCode, offset: each.int64() }
      })
    })
    return topics.flat()
  },
})

export interface FetchedOffset extends PartitionOffset {
  readonly metadata: string | null
}

/** OffsetFetch v7, to the group's coordinator. `stable`: refused where a transaction that commits offsets is open, instead of passing over it. */
export const offsetFetch = (
  groupId: string,
  partitions: readonly TopicPartition[],
  stable: boolean,
): Request<readonly FetchedOffset[]> => ({
  apiKey: 9,
  apiVersion: 7,
  apiName: 'OffsetFetch',
  flexible: true,
  encode(writer) {
    writer.compactString(groupId)
    writer.compactArray([...Map.groupBy(partitions, ({ topic }) => topic)], (_, [topic, ofTopic]) => {
      writer.compactString(topic).compactArray(ofTopic, (each, { partition }) => each.int32(partition))
      writer.noTags()
    })
    writer.boolean(stable).noTags()
  },
  decode(reader) {
    reader.int32()
    const topics = reader.compactArray((each) => {
      const topic = each.compactString() ?? ''
      const partitions = each.compactArray(() => {
        const partition = each.int32()
        const offset = each.int64()
        each.int32()
        const found = { topic, partition, offset, metadata: each.compactString(), errorCode: each.int16() }
        each.skipTags()
        return found
      })
      each.skipTags()
      return partitions
    })
    assertNoError(reader.int16(), 'OffsetFetch', `group ${groupId}`)
    return topics.flat()
  },
})
