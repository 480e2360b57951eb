/** What can be set for the log on Kafka. */
import type { Environment } from '../../topology/environment.ts'
import type { KafkaClient, KafkaOptions } from '../kafka-client/contract.ts'

export interface KafkaLogOptions {
  /** How to reach the cluster. `clientId` should be unique in the deployment. */
  readonly kafka: KafkaOptions
  readonly environment: Environment
  /** Partitions of every topic, 1..1,024; chosen when the deployment is created and never changed. Default 4. */
  readonly partitions?: number
  /** Of the names of topics, groups and transactional ids. Default `beamline.`. */
  readonly prefix?: string
  /**
   * Name of the deployment, kept in the log when it is created. Another name at the same prefix is refused, so that two deployments do not share topics by mistake.
   * Default: the name is not looked at (a new deployment is called `default`).
   */
  readonly deployment?: string
  /** Creates topics that are not there, and mends settings where nothing can be lost by it. Default true; else a missing topic is an error. */
  readonly createTopics?: boolean
  readonly topics?: TopicOptions
  /** Silence after which a process counts as dead, and its tasks and steps go to others. Default 6,000. */
  readonly sessionTimeoutMs?: number
  /** Default a quarter of the session timeout, 500 at most. */
  readonly heartbeatMs?: number
  /** How long a process may take to hand over the partitions of a pool. Default 60,000. */
  readonly rebalanceTimeoutMs?: number
  /** A transaction that is open for so long is aborted by the broker. Default 15,000. */
  readonly transactionTimeoutMs?: number
  /** Time without a commit after which read positions are moved past what is no record (ends of transactions). Default 60,000. */
  readonly settleAfterMs?: number
  /** Told in words of what goes wrong and is tried again, or was found and is no error. */
  readonly onProblem?: (message: string) => void
  /** Puts something between the log and its client; for tests. */
  readonly interpose?: (client: KafkaClient) => KafkaClient
}

/** How topics are made. What exists is changed only where nothing can be lost by it. */
export interface TopicOptions {
  /** Copies of each partition. Default: that of the broker (`default.replication.factor`). */
  readonly replicationFactor?: number
  /** `min.insync.replicas` of new topics. Default: 2 from three copies on, else 1. */
  readonly minInsyncReplicas?: number
  /** Largest value of a record. Default 8 MiB; less if an existing topic takes less. */
  readonly maxRecordBytes?: number
  /** What tasks and executors read: must be longer than the longest time that all of them may be away. Default 7 days. */
  readonly work?: Partial<TopicRetention>
  /** Default 7 days. */
  readonly events?: Partial<TopicRetention>
  /** Default 1 hour. */
  readonly replies?: Partial<TopicRetention>
  /** How long deletes stay in the changelog; snapshots of up to half that age can be used. Default 1 day. */
  readonly deleteRetentionMs?: number
}

export interface TopicRetention {
  /** -1: for ever. */
  readonly maxAgeMs: number
  /** Of each partition; -1: no bound. */
  readonly maxBytes: number
}
