import { type BatchStamp, roomForBatch, writeBatch } from '../batch.ts'
import type { KafkaRecord } from '../contract.ts'
import type { Request } from '../socket.ts'
import type { Writer } from '../wire.ts'

export interface ProduceBatch {
  readonly topic: string
  readonly partition: number
  readonly records: readonly KafkaRecord[]
  /** -1 without a producer id. */
  readonly baseSequence: number
}

export interface ProduceAnswer {
  readonly topic: string
  readonly partition: number
  readonly errorCode: number
  readonly errorMessage: string | null
  /** Of the first record; -1 after an error, and where the broker has forgotten it (a repeated batch). */
  readonly baseOffset: number
}

export interface ProduceOptions extends BatchStamp {
  readonly transactionalId: string | null
  /** How long the broker may wait for its replicas. */
  readonly timeoutMs: number
}

/** Produce v8, acks=all; at most one batch for each partition. */
export const produce = (
  batches: readonly ProduceBatch[],
  options: ProduceOptions,
): Request<readonly ProduceAnswer[]> => ({
  apiKey: 0,
  apiVersion: 8,
  apiName: 'Produce',
  get roomBytes() {
    return batches.reduce((sum, { records }) => sum + roomForBatch(records), 1024)
  },
  encode(writer) {
    writer.string(options.transactionalId).int16(-1).int32(options.timeoutMs)
    const topics = [...Map.groupBy(batches, (batch) => batch.topic)]
    writer.array(topics, (_, [topic, ofTopic]) => {
      writer.string(topic).array(ofTopic, (each, batch) => writePartition(each, batch, options))
    })
  },
  decode(reader) {
    const answers = reader.array((each) => {
      const topic = each.string() ?? ''
      return each.array(() => {
        const partition = each.int32()
        const errorCode = each.int16()
        const baseOffset = each.int64()
        each.int64()
        each.int64()
        const problems = each.array(() => `record ${each.int32()}: ${each.string() ?? 'refused'}`)
        const errorMessage = each.string() ?? (problems.length > 0 ? problems.slice(0, 3).join('; ') : null)
        return { topic, partition, errorCode, errorMessage, baseOffset }
      })
    })
    return answers.flat()
  },
})

function writePartition(writer: Writer, batch: ProduceBatch, stamp: BatchStamp): void {
  writer.int32(batch.partition)
  writeBatch(writer, batch.records, batch.baseSequence, stamp)
}
