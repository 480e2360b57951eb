/**
 * What the Kafka log adapter needs from a Kafka client, in Kafka's own terms. Built on the connections and the protocol of kafkajs; its producer and
 * consumer are not used where they lose, repeat or leak records (see `patches.ts` and `docs/kafka.md`).
 */

import type { ConnectionOptions } from 'node:tls'
import type { Admin } from 'kafkajs'

export interface KafkaOptions {
  /** `host:port`, at least one. */
  readonly brokers: readonly string[]
  readonly clientId: string
  readonly tls?: ConnectionOptions | boolean
  readonly sasl?: SaslOptions
  /** Default 3,000. */
  readonly connectionTimeoutMs?: number
  /** A request without an answer for so long has failed. Default 15,000. */
  readonly requestTimeoutMs?: number
  /** Topics whose appends have a connection of their own, so that they wait for no others. Default: none. */
  readonly appendsApart?: ReadonlySet<string>
  /** Told in words of what goes wrong and is tried again, at most once a second for each kind. */
  readonly onProblem?: (message: string) => void
}

export interface SaslOptions {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
  readonly username: string
  readonly password: string
}

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

export interface KafkaRecord extends TopicPartition {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly (readonly [name: string, value: Uint8Array])[]
  /** Default: now. */
  readonly timestampMs?: number
}

export interface StoredRecord extends KafkaRecord {
  readonly offset: number
  readonly timestampMs: number
}

export type OffsetSpec = 'first' | 'stable' | 'end' | { readonly timeMs: number }

export interface GroupOffset extends TopicPartition {
  /** Of the next record to read. */
  readonly offset: number
  /** At most 4,096 bytes. */
  readonly metadata?: string
}

export type CommittedAs = 'settled' | 'present'

export interface KafkaClient {
  /**
   * Appends outside of transactions with acks=all, zstd; what is asked for while a request is under way goes out together in the next one. Order within a
   * partition is that of the calls. A failed append may have taken effect; the caller may repeat it (readers drop duplicates by key).
   * Answers the offsets in order. @throws {KafkaClientError} after a bounded number of tries
   */
  append(records: readonly KafkaRecord[]): Promise<readonly number[]>
  /** Initialises the transactional id: fences its earlier owner and resolves what that one left open. */
  openTransactions(transactionalId: string, timeoutMs: number): Promise<TransactionalProducer>
  /** Reads committed records; each fetcher has connections of its own, so that its long polls hold nobody back. */
  createFetcher(options?: FetcherOptions): Fetcher
  joinGroup(options: GroupOptions): Promise<GroupMember>
  /** `stable`: the end for read_committed; for a time: the first record at or after it, else the end. Keyed `topic/partition`. */
  listOffsets(partitions: readonly TopicPartition[], spec: OffsetSpec): Promise<ReadonlyMap<string, number>>
  /**
   * What is committed for the group; partitions without a commit are left out. Keyed `topic/partition`. `settled` (the default) waits for open transactions that commit
   * offsets, for who goes on from there; `present` is for who only looks.
   */
  committedOffsets(
    groupId: string,
    partitions: readonly TopicPartition[],
    as?: CommittedAs,
  ): Promise<ReadonlyMap<string, GroupOffset>>
  /** For topics, configurations and the like; connected. */
  readonly admin: Admin
  /** `reachable` is false while no broker answers or requests keep failing. */
  health(): { readonly reachable: boolean; readonly reason: string | null }
  close(): Promise<void>
}

/** The owner of a transactional id. After any error only `close` may be called: nothing is aborted and reused. */
export interface TransactionalProducer {
  /**
   * One transaction: the group's offsets, then all records, then the end. Answers the offsets of the records in order.
   * @throws {KafkaClientError} `FENCED`, `OUTCOME_UNKNOWN` (also when nothing can have been written), `RECORD_TOO_LARGE`
   */
  commit(transaction: {
    readonly records: readonly KafkaRecord[]
    readonly groupId: string
    readonly offsets: readonly GroupOffset[]
  }): Promise<readonly number[]>
  close(): Promise<void>
}

export interface FetcherOptions {
  /** Bytes, packed as they came, of fetched and not yet polled records of one partition, beyond which it is not fetched. Default 4 MiB. */
  readonly maxBufferedBytes?: number
  /** Long poll. Default 500. */
  readonly maxWaitMs?: number
  /** For how long a request is left after one that brought records, so that the next one brings more. Asked each time. Default: not at all. */
  readonly gatherMs?: () => number
}

/** Fetches many partitions with one long poll per broker. */
export interface Fetcher {
  add(partition: TopicPartition, offset: number): Feed
  close(): Promise<void>
}

export interface Feed extends TopicPartition {
  /** Up to `max` next committed records, in order, without waiting; keys, values and headers are views of a whole batch. @throws {KafkaClientError} once the feed has failed (`OFFSET_OUT_OF_RANGE`) and its buffer is empty */
  poll(max: number): readonly StoredRecord[]
  /** Offset of the next record that `poll` returns; moves past control and aborted records as soon as nothing lies before them. */
  readonly position: number
  /** End for committed reads as last told by the broker; infinite until it has told one. */
  readonly stableEnd: number
  /** Called when poll may return something again, `position` has moved by itself, or the feed has failed. One listener. */
  onRecords(listener: () => void): void
  close(): void
}

export interface GroupOptions {
  readonly groupId: string
  /** The partitions to divide; the same in all members. */
  readonly partitions: readonly TopicPartition[]
  readonly sessionTimeoutMs: number
  /** How long members may take to hand partitions over. */
  readonly rebalanceTimeoutMs: number
  readonly heartbeatMs: number
  /**
   * True: a partition that moves is given to its new owner only when the old one has let go (two rounds). False: at once, where ownership is fenced otherwise.
   * In both cases members keep what does not move, and work on during the rebalance.
   */
  readonly waitForRelease: boolean
  onAssigned(partitions: readonly TopicPartition[]): void
  /** Resolves when the partitions are let go. */
  onRevoked(partitions: readonly TopicPartition[]): Promise<void>
}

export interface GroupMember {
  /** Commits with member and generation: refused if the partition is no longer this member's. @throws {KafkaClientError} `FENCED` */
  commitOffsets(offsets: readonly GroupOffset[]): Promise<void>
  /** Hands everything over (awaiting `onRevoked`) and leaves. */
  leave(): Promise<void>
}

export type KafkaClientErrorCode =
  | 'FENCED'
  | 'OUTCOME_UNKNOWN'
  | 'UNREACHABLE'
  | 'RECORD_TOO_LARGE'
  | 'OFFSET_OUT_OF_RANGE'
  | 'UNKNOWN_TOPIC'
  | 'NOT_AUTHORIZED'
  | 'AUTHENTICATION_FAILED'
  | 'CLOSED'
  | 'REFUSED'

/** A failure of the client. The message names the topic, group or transactional id and the broker's own words. */
export class KafkaClientError extends Error {
  readonly code: KafkaClientErrorCode
  constructor(code: KafkaClientErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'KafkaClientError'
    this.code = code
  }
}
