/** What opens the read model on Postgres. */
import type { ConnectionOptions } from 'node:tls'
import type { Environment } from '../../../topology/environment.ts'
import type { Log } from '../../../topology/log/port.ts'
import type { RetentionOptions } from '../retention.ts'

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
  /** `log.id`; a database that belongs to another log is refused. */
  readonly logId: string
  readonly partitions: number
  /**
   * With a log, this process projects: it reads `events` of all partitions, creates and migrates the tables. Several may do so on one database; one of
   * them works and the others take over when it stops. `null`: this process only asks; another one projects.
   */
  readonly project: { readonly log: Log } | null
  /** Connections for questions. Default 8; a projecting process has 2 more, and each process one that listens. */
  readonly connections?: number
  /** Longest time of a question in the database. Default 10 s. */
  readonly queryTimeoutMs?: number
  /** Larger payloads are not kept. Default 1 MiB. */
  readonly maxPayloadBytes?: number
  readonly retention?: Partial<RetentionOptions>
  /** Told when the database is lost and found again, when a batch could not be applied, and when a new build begins and serves. */
  readonly onProblem?: (message: string) => void
}
