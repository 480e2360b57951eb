/**
 * Transactions on the raw requests. One transaction:
 *
 *     AddPartitionsToTxn and AddOffsetsToTxn   to the transaction coordinator, at once
 *     Produce and TxnOffsetCommit              to the leaders and the group coordinator, each as soon as its partitions are added
 *     EndTxn                                   to the transaction coordinator
 *
 * What keeps it exactly once:
 * T1 Nothing is aborted and reused: after an error the producer is dead, and whoever opens the id anew (InitProducerId) learns by that how it ended.
 * T2 Within a transaction a request is repeated only if a second execution changes nothing: adding twice, the same sequence numbers, the same offsets, the
 *    same end.
 * T3 A request whose answer was lost may still be carried out later, and would then belong to the next transaction (an EndTxn would cut it in two). So after
 *    a lost answer the epoch is bumped before the next transaction begins: the broker refuses what carries the old one. That InitProducerId names our
 *    producer id and epoch, and is refused if another owner has taken over.
 */
import type { Environment } from '../../topology/environment.ts'
import type { Connections } from './connection.ts'
import {
  type GroupOffset,
  KafkaClientError,
  type KafkaClientErrorCode,
  type KafkaRecord,
  type TopicPartition,
  type TransactionalProducer,
} from './contract.ts'
import { createInsistence, type Insistence, isConcurrent } from './insist.ts'
import {
  addOffsetsToTxn,
  addPartitionsToTxn,
  bumpEpoch,
  endTxn,
  initProducerId,
  type Producer,
  txnOffsetCommit,
} from './requests/transactions.ts'
import { asClientError, QUESTION, settleWithin } from './retry.ts'
import { type Sequences, writeRecords } from './transaction-records.ts'

interface Transaction {
  readonly records: readonly KafkaRecord[]
  readonly groupId: string
  readonly offsets: readonly GroupOffset[]
}

/** An end that the broker has not confirmed within this part of the transaction's timeout is given up. */
const SHARE_OF_TIMEOUT = 0.6
const REPLICAS_TIMEOUT_MS = 10_000
const ABORT_WITHIN_MS = 2_000

/** Fences the earlier owner of the id and ends what it left open. The producer owns the connections and closes them. @throws {KafkaClientError} */
export async function openTransactions(
  transactionalId: string,
  timeoutMs: number,
  connections: Connections,
  environment: Environment,
): Promise<TransactionalProducer> {
  try {
    const identity = await connections.withRetry(
      `open transactional id ${transactionalId}`,
      async () => {
        const coordinator = await connections.coordinator('transaction', transactionalId)
        return coordinator.send(initProducerId(transactionalId, timeoutMs), QUESTION)
      },
      { firstWaitMs: 2, maxWaitMs: 100, kind: 'transaction' },
    )
    return new EpochProducer({ transactionalId, ...identity }, timeoutMs, connections, environment)
  } catch (error) {
    connections.close()
    throw error
  }
}

class EpochProducer implements TransactionalProducer {
  readonly #timeoutMs: number
  readonly #connections: Connections
  readonly #environment: Environment
  #producer: Producer
  /** They begin at 0 with each epoch. */
  #sequences: Sequences = new Map()
  #state: 'ready' | 'open' | 'ending' | 'dead' | 'closed' = 'ready'
  /** An answer was lost since the last bump of the epoch. */
  #lost = false
  /** A transaction may be open at the broker, and its commit was never asked for. */
  #open = false

  constructor(producer: Producer, timeoutMs: number, connections: Connections, environment: Environment) {
    this.#producer = producer
    this.#timeoutMs = timeoutMs
    this.#connections = connections
    this.#environment = environment
  }

  async commit(transaction: Transaction): Promise<readonly number[]> {
    const { records, offsets } = transaction
    if (this.#state !== 'ready') throw this.#notReady()
    if (records.length === 0 && offsets.length === 0) return []
    this.#state = 'open'
    try {
      const insistence = this.#insistence()
      if (this.#lost) await this.#bumpEpoch(insistence)
      this.#open = true
      const added = this.#addPartitions(records, insistence)
      const written = await bothOrNone(
        this.#write(records, added, insistence),
        this.#commitOffsets(transaction, added, insistence),
      )
      this.#enter('ending')
      this.#open = false
      await insistence.insist(async () =>
        (await this.#coordinator()).send(endTxn(this.#producer, true), insistence.sendOptions),
      )
      this.#connections.health.succeeded('transaction')
      this.#enter('ready')
      return written
    } catch (error) {
      throw this.#failed(error)
    }
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    // Readers wait for an open transaction until it times out. With all answers in, nothing of it can follow its abort.
    if (this.#open && !this.#lost) {
      const aborted = this.#coordinator().then((broker) => broker.send(endTxn(this.#producer, false)))
      await settleWithin(this.#environment, ABORT_WITHIN_MS, aborted)
    }
    this.#connections.close()
  }

  async #addPartitions(records: readonly KafkaRecord[], insistence: Insistence): Promise<void> {
    if (records.length === 0) return
    const request = addPartitionsToTxn(this.#producer, partitionsOf(records))
    await insistence.insist(async () => (await this.#coordinator()).send(request, insistence.sendOptions))
  }

  async #write(
    records: readonly KafkaRecord[],
    added: Promise<void>,
    insistence: Insistence,
  ): Promise<readonly number[]> {
    await added
    const options = {
      ...this.#producer,
      transactional: true,
      timeoutMs: Math.min(REPLICAS_TIMEOUT_MS, this.#timeoutMs),
      nowMs: this.#environment.now(),
    }
    return writeRecords(records, options, this.#sequences, this.#connections, insistence)
  }

  async #commitOffsets({ groupId, offsets }: Transaction, added: Promise<void>, insistence: Insistence): Promise<void> {
    if (offsets.length === 0) return
    const add = addOffsetsToTxn(this.#producer, groupId)
    const attempt = async () => (await this.#coordinator()).send(add, insistence.sendOptions)
    await attempt().catch(async (error: unknown) => {
      // While the last transaction is not finished one of the two requests is enough to find out when it is.
      if (isConcurrent(error)) await added
      else await insistence.sitOut(error, 1)
      await insistence.insist(attempt)
    })
    const commit = txnOffsetCommit(this.#producer, groupId, offsets)
    await insistence.insist(async () =>
      (await this.#connections.coordinator('group', groupId)).send(commit, insistence.sendOptions),
    )
  }

  async #bumpEpoch(insistence: Insistence): Promise<void> {
    const request = bumpEpoch(this.#producer, this.#timeoutMs)
    const identity = await insistence.insist(async () =>
      (await this.#coordinator()).send(request, insistence.sendOptions),
    )
    this.#producer = { ...this.#producer, ...identity }
    this.#sequences = new Map()
    this.#lost = false
  }

  #coordinator() {
    return this.#connections.coordinator('transaction', this.#producer.transactionalId)
  }

  #insistence(): Insistence {
    const stopped = () => this.#state === 'closed' || this.#state === 'dead'
    const onLost = () => {
      this.#lost = true
    }
    const limitMs = this.#timeoutMs * SHARE_OF_TIMEOUT
    return createInsistence(this.#connections, this.#environment, limitMs, stopped, onLost)
  }

  /** `close` may have come in between. */
  #enter(state: 'ending' | 'ready'): void {
    if (this.#state === 'closed') throw this.#notReady()
    this.#state = state
  }

  #failed(error: unknown): KafkaClientError {
    if (this.#state !== 'closed') this.#state = 'dead'
    const what = `transaction of ${this.#producer.transactionalId}`
    const known = asClientError(error, what)
    if (SAYS_ENOUGH.includes(known.code)) return known
    return new KafkaClientError('OUTCOME_UNKNOWN', known.message, { cause: error })
  }

  #notReady(): KafkaClientError {
    const { transactionalId } = this.#producer
    if (this.#state === 'closed') return new KafkaClientError('CLOSED', `the producer ${transactionalId} is closed`)
    return this.#state === 'dead'
      ? new KafkaClientError('OUTCOME_UNKNOWN', `the producer ${transactionalId} has failed: open it anew`)
      : new KafkaClientError('REFUSED', `the producer ${transactionalId} has a transaction under way`)
  }
}

/** After these the cause is clear; the transaction is not committed, or somebody else's business. */
const SAYS_ENOUGH: readonly KafkaClientErrorCode[] = ['FENCED', 'RECORD_TOO_LARGE', 'NOT_AUTHORIZED', 'UNKNOWN_TOPIC']

/** Waits for both to end even if one fails, so that nothing of a failed transaction is still on its way. */
async function bothOrNone<A>(first: Promise<A>, second: Promise<void>): Promise<A> {
  const [written, committed] = await Promise.allSettled([first, second])
  if (written.status === 'rejected') throw written.reason
  if (committed.status === 'rejected') throw committed.reason
  return written.value
}

function partitionsOf(records: readonly KafkaRecord[]): TopicPartition[] {
  const partitions = new Map<string, TopicPartition>()
  for (const { topic, partition } of records) partitions.set(`${topic}/${partition}`, { topic, partition })
  return [...partitions.values()]
}
