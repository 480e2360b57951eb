import type { Broker, Connections } from './connection.ts'
import type { CommittedAs, GroupOffset, OffsetSpec, TopicPartition } from './contract.ts'
import { assertNoError, ProtocolError } from './protocol-error.ts'
import { EARLIEST, LATEST, listOffsets, offsetFetch } from './requests/offsets.ts'
import { QUESTION } from './retry.ts'

/** See `KafkaClient.listOffsets`. */
export async function findOffsets(
  connections: Connections,
  partitions: readonly TopicPartition[],
  spec: OffsetSpec,
): Promise<ReadonlyMap<string, number>> {
  const timeMs = spec === 'first' ? EARLIEST : typeof spec === 'object' ? spec.timeMs : LATEST
  const found = await offsetsAt(connections, partitions, timeMs, spec !== 'end')
  if (typeof spec !== 'object') return found
  const past = partitions.filter(({ topic, partition }) => found.get(`${topic}/${partition}`)! < 0)
  if (past.length === 0) return found
  return new Map([...found, ...(await offsetsAt(connections, past, LATEST, true))])
}

/** See `KafkaClient.committedOffsets`. */
export async function findCommitted(
  connections: Connections,
  groupId: string,
  partitions: readonly TopicPartition[],
  as: CommittedAs,
): Promise<ReadonlyMap<string, GroupOffset>> {
  if (partitions.length === 0) return new Map()
  return connections.withRetry(`committed offsets of group ${groupId}`, async () => {
    const coordinator = await connections.coordinator('group', groupId)
    const found = new Map<string, GroupOffset>()
    for (const answer of await coordinator.send(offsetFetch(groupId, partitions, as === 'settled'), QUESTION)) {
      const { topic, partition, offset, metadata, errorCode } = answer
      const key = `${topic}/${partition}`
      assertNoError(errorCode, 'OffsetFetch', `group ${groupId}, ${key}`)
      if (offset >= 0) found.set(key, { topic, partition, offset, ...(metadata ? { metadata } : {}) })
    }
    return found
  })
}

/** -1 where there is no record at or after the time. */
async function offsetsAt(
  connections: Connections,
  partitions: readonly TopicPartition[],
  timeMs: number,
  committedReads: boolean,
): Promise<Map<string, number>> {
  const found = new Map<string, number>()
  const missing = () => partitions.filter(({ topic, partition }) => !found.has(`${topic}/${partition}`))
  await connections.withRetry('list offsets', async () => {
    const byLeader = await groupByLeader(connections, missing())
    await Promise.all(
      [...byLeader].map(async ([leader, led]) => {
        let refusal: ProtocolError | null = null
        for (const answer of await leader.send(listOffsets(led, timeMs, committedReads), QUESTION)) {
          const key = `${answer.topic}/${answer.partition}`
          if (answer.errorCode === 0) found.set(key, answer.offset)
          else refusal ??= new ProtocolError(answer.errorCode, 'ListOffsets', key)
        }
        if (refusal !== null) throw refusal
      }),
    )
  })
  return found
}

async function groupByLeader(
  connections: Connections,
  partitions: readonly TopicPartition[],
): Promise<Map<Broker, TopicPartition[]>> {
  const byLeader = new Map<Broker, TopicPartition[]>()
  for (const each of partitions) {
    const leader = await connections.leader(each.topic, each.partition)
    byLeader.get(leader)?.push(each) ?? byLeader.set(leader, [each])
  }
  return byLeader
}
