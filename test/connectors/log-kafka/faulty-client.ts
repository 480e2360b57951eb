/** A Kafka client whose writes can be held back, made to fail, or left unanswered, and which can die. */
import {
  type GroupMember,
  type KafkaClient,
  KafkaClientError,
  type TransactionalProducer,
} from '../../../connectors/kafka-client/contract.ts'

export interface WriteFaults {
  /** Writes wait until the returned function is called. */
  hold(): () => void
  failNext(when: 'before' | 'after'): void
  /** Writes that wait are never made. */
  drop(): void
  /** To be put between the log and its client. */
  readonly interpose: (client: KafkaClient) => KafkaClient
}

export function createWriteFaults(): WriteFaults {
  let gate: Promise<void> | null = null
  let next: 'before' | 'after' | null = null

  const write = async <T>(action: () => Promise<T>): Promise<T> => {
    await gate
    const fault = next
    next = null
    if (fault === 'before') throw unanswered()
    const result = await action()
    if (fault === 'after') throw unanswered()
    return result
  }
  const producer = (inner: TransactionalProducer): TransactionalProducer => ({
    commit: (transaction) => write(() => inner.commit(transaction)),
    close: () => inner.close(),
  })
  const member = (inner: GroupMember): GroupMember => ({
    commitOffsets: (offsets) => write(() => inner.commitOffsets(offsets)),
    leave: () => inner.leave(),
  })
  return {
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>()
      gate = promise
      return () => {
        if (gate === promise) gate = null
        resolve()
      }
    },
    failNext: (when) => {
      next = when
    },
    drop() {
      gate = null
      next = null
    },
    interpose: (inner) => ({
      append: (records) => write(() => inner.append(records)),
      openTransactions: async (id, timeoutMs) => producer(await inner.openTransactions(id, timeoutMs)),
      joinGroup: async (options) => member(await inner.joinGroup(options)),
      createFetcher: (options) => inner.createFetcher(options),
      listOffsets: (partitions, spec) => inner.listOffsets(partitions, spec),
      committedOffsets: (group, partitions, as) => inner.committedOffsets(group, partitions, as),
      admin: inner.admin,
      health: () => inner.health(),
      close: () => inner.close(),
    }),
  }
}

function unanswered(): KafkaClientError {
  return new KafkaClientError('OUTCOME_UNKNOWN', 'the request was not answered')
}
