/** The requests of a transactional producer, in versions without tagged fields, which 3.x and 4.x brokers carry out as they always did. */
import type { GroupOffset, TopicPartition } from '../contract.ts'
import { assertNoError, ProtocolError } from '../protocol-error.ts'
import type { Request } from '../socket.ts'
import type { Reader } from '../wire.ts'

/** Who speaks: the owner of the transactional id with the highest epoch is obeyed, all others are fenced. */
export interface Producer {
  readonly transactionalId: string
  readonly producerId: bigint
  readonly producerEpoch: number
}

/** InitProducerId v1: bumps the epoch and ends what the id's earlier owner left open. */
export const initProducerId = (
  transactionalId: string,
  timeoutMs: number,
): Request<Omit<Producer, 'transactionalId'>> => ({
  apiKey: 22,
  apiVersion: 1,
  apiName: 'InitProducerId',
  encode(writer) {
    writer.string(transactionalId).int32(timeoutMs)
  },
  decode(reader) {
    reader.int32()
    assertNoError(reader.int16(), 'InitProducerId', `transactional id ${transactionalId}`)
    return { producerId: reader.bigint64(), producerEpoch: reader.int16() }
  },
})

/** InitProducerId v4 with our own identity: the same id, a new epoch; refused if another owner has come in between. */
export const bumpEpoch = (producer: Producer, timeoutMs: number): Request<Omit<Producer, 'transactionalId'>> => ({
  apiKey: 22,
  apiVersion: 4,
  apiName: 'InitProducerId',
  flexible: true,
  encode(writer) {
    writer.compactString(producer.transactionalId).int32(timeoutMs)
    writer.int64(producer.producerId).int16(producer.producerEpoch).noTags()
  },
  decode(reader) {
    reader.int32()
    assertNoError(reader.int16(), 'InitProducerId', `transactional id ${producer.transactionalId}`)
    return { producerId: reader.bigint64(), producerEpoch: reader.int16() }
  },
})

/** AddPartitionsToTxn v1. */
export const addPartitionsToTxn = (producer: Producer, partitions: readonly TopicPartition[]): Request<void> => ({
  apiKey: 24,
  apiVersion: 1,
  apiName: 'AddPartitionsToTxn',
  encode(writer) {
    writer.string(producer.transactionalId).int64(producer.producerId).int16(producer.producerEpoch)
    writer.array([...Map.groupBy(partitions, ({ topic }) => topic)], (_, [topic, ofTopic]) => {
      writer.string(topic).array(ofTopic, (each, { partition }) => each.int32(partition))
    })
  },
  decode(reader) {
    reader.int32()
    assertAllWell(reader, 'AddPartitionsToTxn', (topicPartition) => `${topicPartition} (${producer.transactionalId})`)
  },
})

/** AddOffsetsToTxn v1. */
export const addOffsetsToTxn = (producer: Producer, groupId: string): Request<void> => ({
  apiKey: 25,
  apiVersion: 1,
  apiName: 'AddOffsetsToTxn',
  encode(writer) {
    writer.string(producer.transactionalId).int64(producer.producerId).int16(producer.producerEpoch).string(groupId)
  },
  decode(reader) {
    reader.int32()
    const subject = `group ${groupId} (${producer.transactionalId})`
    assertNoError(reader.int16(), 'AddOffsetsToTxn', subject)
  },
})

/** TxnOffsetCommit v1, to the group's coordinator. */
export const txnOffsetCommit = (
  producer: Producer,
  groupId: string,
  offsets: readonly GroupOffset[],
): Request<void> => ({
  apiKey: 28,
  apiVersion: 1,
  apiName: 'TxnOffsetCommit',
  encode(writer) {
    writer.string(producer.transactionalId).string(groupId)
    writer.int64(producer.producerId).int16(producer.producerEpoch)
    writer.array([...Map.groupBy(offsets, ({ topic }) => topic)], (_, [topic, ofTopic]) => {
      writer.string(topic).array(ofTopic, (each, { partition, offset, metadata }) => {
        each
          .int32(partition)
          .int64(offset)
          .string(metadata ?? '')
      })
    })
  },
  decode(reader) {
    reader.int32()
    assertAllWell(reader, 'TxnOffsetCommit', (topicPartition) => `group ${groupId}, ${topicPartition}`)
  },
})

/** EndTxn v1. May be repeated: committing what is committed already succeeds. */
export const endTxn = (producer: Producer, commit: boolean): Request<void> => ({
  apiKey: 26,
  apiVersion: 1,
  apiName: 'EndTxn',
  encode(writer) {
    writer.string(producer.transactionalId).int64(producer.producerId).int16(producer.producerEpoch).boolean(commit)
  },
  decode(reader) {
    reader.int32()
    assertNoError(reader.int16(), 'EndTxn', `transactional id ${producer.transactionalId}`)
  },
})

/** Where several partitions are refused, the code that says most: OPERATION_NOT_ATTEMPTED only follows from another's error. */
function assertAllWell(reader: Reader, operation: string, subject: (topicPartition: string) => string): void {
  let found: ProtocolError | null = null
  reader.array((each) => {
    const topic = each.string() ?? ''
    each.array(() => {
      const topicPartition = `${topic}/${each.int32()}`
      const errorCode = each.int16()
      if (errorCode === 0) return
      if (found === null || found.errorName === 'OPERATION_NOT_ATTEMPTED') {
        found = new ProtocolError(errorCode, operation, subject(topicPartition))
      }
    })
  })
  if (found !== null) throw found
}
