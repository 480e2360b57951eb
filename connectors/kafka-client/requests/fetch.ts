import type { Request } from '../socket.ts'
import type { Reader } from '../wire.ts'

export interface FetchOptions {
  readonly maxWaitMs: number
  /** Of the whole response. The first batch of the first partition that has one comes whatever its size. */
  readonly maxBytes: number
  readonly partitions: readonly FetchPartition[]
}

export interface FetchPartition {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly maxBytes: number
}

export interface FetchedPartition {
  readonly topic: string
  readonly partition: number
  readonly errorCode: number
  /** End for committed reads. */
  readonly lastStableOffset: number
  readonly aborted: readonly AbortedTransaction[]
  /** Record batches one after the other, the last one possibly cut off; a view of the response. */
  readonly records: Buffer
  /** Size of the whole response, of which `records` is a view. */
  readonly responseBytes: number
}

export interface AbortedTransaction {
  readonly producerId: number
  readonly firstOffset: number
}

const READ_COMMITTED = 1
const NO_RECORDS = Buffer.alloc(0)

/** Fetch v11 with at least one byte to wait for, read committed, without a fetch session. An error of the whole response is answered for each partition. */
export const fetchRecords = (options: FetchOptions): Request<FetchedPartition[]> => ({
  apiKey: 1,
  apiVersion: 11,
  apiName: 'Fetch',
  encode(writer) {
    writer.int32(-1).int32(options.maxWaitMs).int32(1).int32(options.maxBytes).int8(READ_COMMITTED)
    writer.int32(0).int32(-1)
    writer.array(byTopic(options.partitions), (each, [topic, partitions]) => {
      each.string(topic).array(partitions, (one, { partition, offset, maxBytes }) => {
        one.int32(partition).int32(-1).int64(offset).int64(-1).int32(maxBytes)
      })
    })
    writer.int32(0).string('')
  },
  decode(reader) {
    reader.int32()
    const errorCode = reader.int16()
    reader.int32()
    const found: FetchedPartition[] = []
    reader.array((each) => {
      const topic = each.string() ?? ''
      each.array((one) => found.push(partition(one, topic)))
    })
    if (errorCode === 0) return found
    return options.partitions.map(({ topic, partition }) => failed(topic, partition, errorCode))
  },
})

/** Neighbours of the same topic go together; the order of the partitions is kept, it says whose turn it is. */
function byTopic(partitions: readonly FetchPartition[]): readonly (readonly [string, readonly FetchPartition[]])[] {
  const groups: [string, FetchPartition[]][] = []
  for (const each of partitions) {
    const last = groups.at(-1)
    if (last !== undefined && last[0] === each.topic) last[1].push(each)
    else groups.push([each.topic, [each]])
  }
  return groups
}

function partition(reader: Reader, topic: string): FetchedPartition {
  const index = reader.int32()
  const errorCode = reader.int16()
  reader.int64()
  const lastStableOffset = reader.int64()
  reader.int64()
  const aborted = reader.array((each) => ({ producerId: each.int64(), firstOffset: each.int64() }))
  reader.int32()
  const records = reader.bytes() ?? NO_RECORDS
  const responseBytes = reader.buffer.length
  return { topic, partition: index, errorCode, lastStableOffset, aborted, records, responseBytes }
}

function failed(topic: string, partition: number, errorCode: number): FetchedPartition {
  const nothing = { lastStableOffset: -1, aborted: [], records: NO_RECORDS, responseBytes: 0 }
  return { topic, partition, errorCode, ...nothing }
}
