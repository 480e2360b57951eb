/** Asks the build that serves, each question of one moment of it. */
import { Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler } from 'kysely'
import type { ClientBase, Pool } from 'pg'
import type { AsOf } from '../../../topology/read-model/lists.ts'
import { connectionDriver } from '../connection-driver.ts'
import { asOfRows, type Snapshot } from '../queries/snapshot.ts'
import type { Value } from '../rows.ts'
import { type ReadTables, TABLES_VERSION } from '../tables.ts'
import { checkMeta, type Deployment, newerTables, notThere, schemaOfBuild } from './catalog.ts'
import { isMissing, rowsOf, withConnection } from './connection.ts'
import { clean } from './recordset.ts'

export interface QuestionsOptions {
  readonly pool: Pool
  readonly deployment: Deployment
  readonly timeoutMs: number
  readonly onAsOf: (asOf: AsOf) => void
}

interface ServingRow {
  readonly id: number
  readonly tables_version: number
  readonly next_offset: number
  readonly latest_ms: number | null
}

export class Questions {
  readonly #options: QuestionsOptions
  readonly #asked = new WeakMap<ClientBase, Kysely<ReadTables>>()
  /** The build that served when it was looked at last. */
  #build = 0

  constructor(options: QuestionsOptions) {
    this.#options = options
  }

  /** @throws {ReadModelError} `READ_MODEL_NEWER`, or `READ_MODEL_FAILED` while there is none; failures of the database as they come */
  async ask<T>(question: (snapshot: Snapshot) => Promise<T>): Promise<T> {
    try {
      return await this.#askOnce(question)
    } catch (error) {
      // A build may be dropped between two statements of a question; by then another one serves.
      if (!isMissing(error)) throw error
      return await this.#askOnce(question).catch((again: unknown) => {
        throw isMissing(again) ? notThere(this.#options.deployment.schema) : again
      })
    }
  }

  #askOnce<T>(question: (snapshot: Snapshot) => Promise<T>): Promise<T> {
    return withConnection(this.#options.pool, async (client) => {
      const asOf = await this.#begin(client)
      const answer = await question({ db: this.#kyselyOn(client), asOf })
      await client.query('commit')
      this.#options.onAsOf(asOf)
      return answer
    })
  }

  /** One message where the same build serves as the last time. */
  async #begin(client: ClientBase): Promise<AsOf> {
    const { deployment, timeoutMs } = this.#options
    const { schema } = deployment
    const serving = await rowsOf<ServingRow>(
      client,
      `begin isolation level repeatable read read only; set local search_path to ${schemaOfBuild(schema, this.#build)};
        set local statement_timeout to ${Math.ceil(timeoutMs)}; set local jit to off; set local random_page_cost to 1.1;
        set local enable_hashjoin to off; set local enable_mergejoin to off;
        select id, tables_version, next_offset, latest_ms from ${schema}.builds join ${schema}.positions on build = id
          where state = 'serving' order by partition`,
    )
    const [first] = serving
    if (first === undefined) throw notThere(schema)
    if (first.tables_version > TABLES_VERSION) throw newerTables(schema, first.tables_version)
    if (first.tables_version < TABLES_VERSION) throw notThere(schema)
    if (first.id !== this.#build) {
      // Another one's tables may have come since this process began.
      await checkMeta(client, deployment)
      this.#build = first.id
      await client.query(`set local search_path to ${schemaOfBuild(schema, first.id)}`)
    }
    return asOfRows(serving)
  }

  #kyselyOn(client: ClientBase): Kysely<ReadTables> {
    const found = this.#asked.get(client)
    if (found !== undefined) return found
    // What no column can hold, such as NUL, would be refused; it finds nothing so.
    const driver = connectionDriver((text, parameters) => rowsOf(client, text, (parameters as Value[]).map(clean)))
    const made = new Kysely<ReadTables>({
      dialect: {
        createAdapter: () => new PostgresAdapter(),
        createDriver: () => driver,
        createIntrospector: (db) => new PostgresIntrospector(db),
        createQueryCompiler: () => new PostgresQueryCompiler(),
      },
    })
    this.#asked.set(client, made)
    return made
  }
}
