/** What opens the read model on Postgres. */
import type { ConnectionOptions } from 'node:tls'
import type { Environment } from '../../../topology/environment.ts'
import type { ReadModel } from '../../../topology/read-model/port.ts'
import type { KafkaSource } from '../kafka-source.ts'
import type { EventLog } from '../pump.ts'
import type { RetentionOptions } from '../retention.ts'

/**
 * A log that is open, in this thread; or one that a thread of the projection opens for itself, so that projecting is not in the way of what else this process
 * does.
 */
export type ProjectFrom =
  | { readonly kind: 'log'; readonly log: EventLog }
  | { readonly kind: 'embedded'; readonly folder: string }
  | KafkaSource

export interface PostgresReadModelOptions {
  readonly environment: Environment
  /** `postgres://user:password@host:5432/database`. Its password is not shown in any message. */
  readonly url: string
  /** TLS to the server; `true` with the system's certificates. Default: as the URL's `sslmode` says. */
  readonly tls?: boolean | ConnectionOptions
  /**
   * Schema that holds what is common; each build of the projection has a schema of its own beside it, named after this one. Two deployments
   * need two names. Lower-case letters, digits and `_`, at most 40. Default `beamline`.
   */
  readonly schema?: string
  /** Of the thread that projects, 0..19; default 0. */
  readonly nice?: number
  /** `log.id`; a database that belongs to another log is refused. */
  readonly logId: string
  readonly partitions: number
  /**
   * From where this process projects; it then makes and migrates the tables too. Several may do so on one database: one of them works and the others take over
   * when it stops. `null`: this process only asks, another one projects.
   */
  readonly project: ProjectFrom | null
  /** Connections for questions. Default 8; a projecting process has 3 more, and each process one that listens. */
  readonly connections?: number
  /** Longest time of a question in the database. Default 10 s. */
  readonly queryTimeoutMs?: number
  /** Larger payloads are not kept. Default 1 MiB. */
  readonly maxPayloadBytes?: number
  readonly retention?: Partial<RetentionOptions>
  /** Told when the database is lost and found again, when a batch could not be applied, and when a new build begins and serves. */
  readonly onProblem?: (message: string) => void
}

export interface PostgresReadModel extends ReadModel {
  /** There may be new events in the folder of an embedded log; cheap, may be called with every commit. Nothing to do with other sources. */
  poke(): void
  /** Why it cannot be asked, until it could be for the first time; then `null`. */
  waitsFor(): string | null
}
