/**
 * The read model on Postgres: several processes may ask the same tables, and those that project keep them. A process that only asks needs none of its own
 * events: it is told of ends by notices, and looks by itself from time to time as well.
 */
import type { Pool } from 'pg'
import type { RunId, TenantId } from '../../../schemas/ids.ts'
import type { LetterQuery, RunEventsQuery, RunFilter, RunQuery } from '../../../topology/read-model/lists.ts'
import type { OperationItemQuery, OperationQuery } from '../../../topology/read-model/operations.ts'
import { isFinished, ReadModelError, type ReadModelState, type RunView } from '../../../topology/read-model/port.ts'
import { statusOf } from '../queries/get-run.ts'
import { type Answer, type Asked, ask, type Question } from '../queries/read-queries.ts'
import type { Snapshot } from '../queries/snapshot.ts'
import { WaitingRuns } from '../waiting-runs.ts'
import { checkMeta, checkSchemaName, type Deployment, wantBuild } from './catalog.ts'
import { asReadModelError, openPool, rowsOf, withConnection } from './connection.ts'
import { endedOf } from './ended.ts'
import { startListener } from './listener.ts'
import { announceBuilds, type Notice } from './notices.ts'
import type { PostgresReadModel, PostgresReadModelOptions, ProjectFrom } from './options.ts'
import { isForGood, PROJECTING_CONNECTIONS, type Projector, startProjector } from './projector.ts'
import { Questions } from './questions.ts'
import { startThreadedProjector } from './threaded-projector.ts'

const DEFAULT_SCHEMA = 'beamline'
const DEFAULT_CONNECTIONS = 8
const DEFAULT_TIMEOUT_MS = 10_000
/** Notices may be lost; who waits is not. */
const LOOK_FOR_ENDS_MS = 1_000

/**
 * Resolves once the database is known to be this deployment's, or cannot be reached: then it is tried again for as long as it takes, and questions are
 * refused with `READ_MODEL_FAILED` meanwhile.
 *
 * @throws {ReadModelError} `READ_MODEL_NEWER`, `READ_MODEL_FOREIGN`
 */
export async function openPostgresReadModel(options: PostgresReadModelOptions): Promise<PostgresReadModel> {
  const model = new SharedReadModel(options)
  try {
    await model.ready()
    return model
  } catch (error) {
    await model.close()
    throw error
  }
}

class SharedReadModel implements PostgresReadModel {
  readonly #options: PostgresReadModelOptions
  readonly #deployment: Deployment
  readonly #pool: Pool
  readonly #projector: Projector | null
  readonly #questions: Questions
  readonly #stopListening: () => Promise<void>
  readonly #waiting = new WaitingRuns()
  #positions: readonly number[]
  #cancelLook: (() => void) | null = null
  #reached = false
  #closed = false

  constructor(options: PostgresReadModelOptions) {
    const { schema = DEFAULT_SCHEMA, logId, partitions, project, environment } = options
    checkSchemaName(schema)
    this.#options = options
    this.#deployment = { schema, logId, partitions }
    this.#positions = new Array<number>(partitions).fill(0)
    this.#pool = openPool(options, 'questions', options.connections ?? DEFAULT_CONNECTIONS)
    this.#questions = new Questions({
      pool: this.#pool,
      deployment: this.#deployment,
      timeoutMs: options.queryTimeoutMs ?? DEFAULT_TIMEOUT_MS,
      onAsOf: ({ positions }) => {
        if (project === null) this.#positions = positions
      },
    })
    this.#projector = project === null ? null : this.#startProjector(project)
    this.#stopListening = startListener({
      connection: options,
      channel: schema,
      environment,
      onNotice: (notice) => this.#told(notice),
      onListening: () => {
        this.#reached = true
        this.#lookForEnds()
      },
      onProblem: (message) => this.#problem(message),
    })
  }

  /** @throws {ReadModelError} if the database is not for this process */
  async ready(): Promise<void> {
    if (this.#projector !== null) return this.#projectorReady(this.#projector)
    try {
      await withConnection(this.#pool, (client) => checkMeta(client, this.#deployment))
    } catch (error) {
      if (isForGood(error)) throw error
      this.#problem(asReadModelError(error).message)
    }
  }

  getRun(tenant: TenantId, runId: RunId): Promise<RunView | null> {
    return this.#ask('getRun', { tenant, runId })
  }

  async awaitRun(tenant: TenantId, runId: RunId, timeoutMs: number, signal?: AbortSignal): Promise<RunView | null> {
    const { promise: over, resolve } = Promise.withResolvers<void>()
    // Before the run is looked at, so that an end in between is not missed.
    const forget = this.#waiting.add(runId, resolve)
    const gone = (): void => resolve()
    const cancel = this.#options.environment.after(timeoutMs, gone)
    signal?.addEventListener('abort', gone, { once: true })
    this.#lookLater()
    try {
      const status = await this.#snapshot(({ db }) => statusOf(db, tenant, runId))
      if (!signal?.aborted && (status === undefined || !isFinished(status))) await over
    } finally {
      forget()
      cancel()
      signal?.removeEventListener('abort', gone)
    }
    return this.getRun(tenant, runId)
  }

  runEvents(query: RunEventsQuery) {
    return this.#ask('runEvents', query)
  }

  listRuns(query: RunQuery) {
    return this.#ask('listRuns', query)
  }

  countRuns(filter: RunFilter) {
    return this.#ask('countRuns', filter)
  }

  letterGroups(tenant: TenantId) {
    return this.#ask('letterGroups', { tenant })
  }

  letters(query: LetterQuery) {
    return this.#ask('letters', query)
  }

  getLetter(tenant: TenantId, letterId: string) {
    return this.#ask('getLetter', { tenant, letterId })
  }

  getOperation(tenant: TenantId, operationId: string) {
    return this.#ask('getOperation', { tenant, operationId })
  }

  operations(query: OperationQuery) {
    return this.#ask('operations', query)
  }

  operationItems(query: OperationItemQuery) {
    return this.#ask('operationItems', query)
  }

  blobs(after: number) {
    return this.#ask('blobs', { after })
  }

  tenants(after: TenantId | null, limit: number) {
    return this.#ask('tenants', { after, limit })
  }

  counts() {
    return this.#ask('counts', null)
  }

  async state(): Promise<ReadModelState> {
    const { schema } = this.#deployment
    const asOf = await this.#snapshot(async (snapshot) => snapshot.asOf)
    const rows = await this.#guarded(() =>
      withConnection(this.#pool, (client) =>
        rowsOf<{ next_offset: number | null }>(
          client,
          `select next_offset from ${schema}.builds left join ${schema}.positions on build = id
            where id = (select max(id) from ${schema}.builds where state in ('wanted', 'building')) order by partition`,
        ),
      ),
    )
    if (rows.length === 0) return { asOf, rebuilding: null }
    // One that is only wanted has no positions yet.
    return { asOf, rebuilding: { positions: asOf.positions.map((_, partition) => rows[partition]?.next_offset ?? 0) } }
  }

  async rebuild(): Promise<void> {
    const { schema } = this.#deployment
    await this.#guarded(() =>
      withConnection(this.#pool, async (client) => {
        await wantBuild(client, schema)
        await announceBuilds(client, schema)
      }),
    )
  }

  poke(): void {
    this.#projector?.poke()
  }

  waitsFor(): string | null {
    return this.#reached ? null : 'the database of the read model has not been reached yet'
  }

  positions(): readonly number[] {
    return this.#positions
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#cancelLook?.()
    this.#waiting.all()
    await this.#stopListening()
    await this.#projector?.close()
    await this.#pool.end()
  }

  #ask<Q extends Question>(question: Q, asked: Asked<Q>): Promise<Answer<Q>> {
    return this.#snapshot((snapshot) => ask(snapshot, question, asked))
  }

  #snapshot<T>(question: (snapshot: Snapshot) => Promise<T>): Promise<T> {
    return this.#guarded(() => this.#questions.ask(question))
  }

  async #guarded<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) throw new ReadModelError('READ_MODEL_CLOSED', 'the read model is closed')
    try {
      return await work()
    } catch (error) {
      if (this.#closed) throw new ReadModelError('READ_MODEL_CLOSED', 'the read model is closed', { cause: error })
      throw asReadModelError(error)
    }
  }

  #startProjector(project: ProjectFrom): Projector {
    const { environment, maxPayloadBytes, retention, url, tls, nice = 0 } = this.#options
    const common = {
      deployment: this.#deployment,
      ...(maxPayloadBytes === undefined ? {} : { maxPayloadBytes }),
      ...(retention === undefined ? {} : { retention }),
    }
    const told = {
      environment,
      onPositions: (positions: readonly number[]) => {
        this.#positions = positions
      },
      onProblem: (message: string) => this.#problem(message),
    }
    const connection = { url, ...(tls === undefined ? {} : { tls }) }
    if (project.kind !== 'log') {
      return startThreadedProjector({ ...told, setup: { ...common, connection, nice, source: project } })
    }
    const pool = openPool(connection, 'projector', PROJECTING_CONNECTIONS)
    const projector = startProjector({ ...common, ...told, pool, log: project.log })
    return { ...projector, close: () => projector.close().then(() => pool.end()) }
  }

  /** A database that cannot be reached does not hold up the start; one that is not ours does. */
  async #projectorReady(projector: Projector): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const cancel = this.#options.environment.after(DEFAULT_TIMEOUT_MS, resolve)
    try {
      await Promise.race([projector.ready, late])
    } finally {
      cancel()
    }
  }

  #told(notice: Notice): void {
    if (notice.kind === 'ended') this.#waiting.ended(notice.runs)
    else this.#lookForEnds()
    if (notice.kind === 'builds') this.#projector?.wake()
  }

  #lookLater(): void {
    if (this.#cancelLook !== null || this.#closed) return
    this.#cancelLook = this.#options.environment.after(LOOK_FOR_ENDS_MS, () => {
      this.#cancelLook = null
      this.#lookForEnds()
    })
  }

  /** Asks for all that somebody waits for, in case nobody told. */
  #lookForEnds(): void {
    const runs = this.#waiting.runs()
    if (runs.length === 0 || this.#closed) return
    this.#questions
      .ask(({ db }) => endedOf(db, runs))
      .then(
        (ended) => this.#waiting.ended(ended),
        // Whoever waits asks again when the time is up, and is told then.
        () => undefined,
      )
      .finally(() => {
        if (this.#waiting.runs().length > 0) this.#lookLater()
      })
  }

  #problem(message: string): void {
    if (!this.#closed) this.#options.onProblem?.(message)
  }
}
