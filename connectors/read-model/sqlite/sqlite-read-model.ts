/**
 * The read model on SQLite, in a thread of its own. Fed in one of two ways: the thread reads the embedded log's folder itself whenever it is
 * poked, so that the main thread pays next to nothing; or a pump reads `events` from any log and hands the records over.
 */
import type { RunId, TenantId } from '../../../schemas/ids.ts'
import type { Environment } from '../../../topology/environment.ts'
import type { Log } from '../../../topology/log/port.ts'
import type { LetterQuery, RunEventsQuery, RunFilter, RunQuery } from '../../../topology/read-model/lists.ts'
import type { OperationItemQuery, OperationQuery } from '../../../topology/read-model/operations.ts'
import { type ReadModel, ReadModelError, type RunView } from '../../../topology/read-model/port.ts'
import type { EventRecord } from '../events.ts'
import { startPump } from '../pump.ts'
import { type Progress, ReadModelCalls } from './calls.ts'
import type { ProjectionOptions } from './projection.ts'
import type { Build, EventSource } from './protocol.ts'

export interface SqliteReadModelOptions extends ProjectionOptions {
  readonly environment: Environment
  readonly source: EventSource | { readonly kind: 'pump'; readonly log: Log }
  /** At most one look at the log in this time while nobody asks: a question looks first. Larger batches fold better. Default 100. */
  readonly intervalMs?: number
  /** Of the thread, 0..19; default 0. */
  readonly nice?: number
  /** Told when the file had to be begun anew, when a batch could not be applied, and when the thread died. */
  readonly onProblem?: (message: string) => void
}

export interface SqliteReadModel extends ReadModel {
  /** There may be new events; cheap, may be called with every commit. */
  poke(): void
  /** Applies records by hand; for a `push` source. */
  apply(partition: number, records: readonly EventRecord[], nextOffset?: number): Promise<void>
}

const DEFAULT_INTERVAL_MS = 100
/** While somebody waits for a run. */
const AWAITED_INTERVAL_MS = 1
/** After a batch that failed. */
const PROBLEM_INTERVAL_MS = 1000

/** Resolves once the file is open and checked. */
export async function openSqliteReadModel(options: SqliteReadModelOptions): Promise<SqliteReadModel> {
  const model = new ThreadedReadModel(options)
  await model.ready
  return model
}

class ThreadedReadModel implements SqliteReadModel {
  readonly ready: Promise<void>
  readonly #options: SqliteReadModelOptions
  readonly #calls: ReadModelCalls
  #stopPump: () => Promise<void> = async () => {}
  #stopNextPump: (() => Promise<void>) | null = null
  #rebuilding = false
  #positions: readonly number[] = []
  #awaited = 0
  #state: 'idle' | 'resting' | 'pulling' | 'closed' = 'idle'
  #poked = false
  #endRest: () => void = () => {}

  constructor(options: SqliteReadModelOptions) {
    this.#options = options
    const { environment, source, intervalMs, nice = 0, onProblem, ...projection } = options
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.ready = promise
    this.#calls = new ReadModelCalls(
      { projection, nice, source: source.kind === 'pump' ? { kind: 'push' } : source },
      (progress) => {
        this.#positions = progress.positions
        if (!progress.rebuilding) this.#endRebuilding()
        if (progress.kind === 'ready') this.#begin(progress, resolve)
        else this.#onProgress(progress)
      },
      (error) => {
        reject(error)
        onProblem?.(`the read model has stopped: ${error.message}`)
      },
    )
  }

  positions(): readonly number[] {
    return this.#positions
  }

  poke(): void {
    if (this.#options.source.kind !== 'embedded') return
    if (this.#state === 'idle') this.#pull()
    else this.#poked = true
  }

  async apply(partition: number, records: readonly EventRecord[], nextOffset?: number): Promise<void> {
    await this.#apply('serving', partition, records, nextOffset)
  }

  async #apply(build: Build, partition: number, records: readonly EventRecord[], nextOffset?: number): Promise<void> {
    // Copied, since a value is a view into a large slab that would be sent as a whole.
    const copies = records.map(({ offset, value }) => ({ offset, value: new Uint8Array(value) }))
    const next = nextOffset === undefined ? {} : { nextOffset }
    await this.#calls.call('apply', { build, partition, records: copies, ...next })
  }

  getRun(tenant: TenantId, runId: RunId): Promise<RunView | null> {
    return this.#calls.call('getRun', { tenant, runId })
  }

  async awaitRun(tenant: TenantId, runId: RunId, timeoutMs: number, signal?: AbortSignal): Promise<RunView | null> {
    let id = 0
    const giveUp = (): void => this.#calls.post({ kind: 'giveUp', id })
    const cancelTimer = this.#options.environment.after(timeoutMs, giveUp)
    this.#awaited++
    this.#wake()
    try {
      const run = this.#calls.call('awaitRun', { tenant, runId }, (given) => {
        id = given
      })
      if (signal?.aborted) giveUp()
      signal?.addEventListener('abort', giveUp, { once: true })
      return await run
    } finally {
      this.#awaited--
      cancelTimer()
      signal?.removeEventListener('abort', giveUp)
    }
  }

  runEvents(query: RunEventsQuery) {
    return this.#calls.call('runEvents', query)
  }

  listRuns(query: RunQuery) {
    return this.#calls.call('listRuns', query)
  }

  countRuns(filter: RunFilter) {
    return this.#calls.call('countRuns', filter)
  }

  letterGroups(tenant: TenantId) {
    return this.#calls.call('letterGroups', { tenant })
  }

  letters(query: LetterQuery) {
    return this.#calls.call('letters', query)
  }

  getLetter(tenant: TenantId, letterId: string) {
    return this.#calls.call('getLetter', { tenant, letterId })
  }

  getOperation(tenant: TenantId, operationId: string) {
    return this.#calls.call('getOperation', { tenant, operationId })
  }

  operations(query: OperationQuery) {
    return this.#calls.call('operations', query)
  }

  operationItems(query: OperationItemQuery) {
    return this.#calls.call('operationItems', query)
  }

  blobs(after: number) {
    return this.#calls.call('blobs', { after })
  }

  tenants(after: TenantId | null, limit: number) {
    return this.#calls.call('tenants', { after, limit })
  }

  counts() {
    return this.#calls.call('counts', null)
  }

  state() {
    return this.#calls.call('state', null)
  }

  async rebuild(): Promise<void> {
    const { positions } = await this.#calls.call('rebuild', null)
    if (positions === null) return
    this.#rebuilding = true
    const { source } = this.#options
    if (source.kind !== 'pump') this.poke()
    // A second pump from its beginning; what the log has dropped, the reader passes over.
    else this.#stopNextPump ??= this.#startPump(source.log, positions, 'next')
  }

  async close(): Promise<void> {
    this.#state = 'closed'
    this.#endRest()
    await this.#stopPump()
    await this.#stopNextPump?.()
    await this.#calls.close()
  }

  #begin(progress: Extract<Progress, { readonly kind: 'ready' }>, resolve: () => void): void {
    const { rebuilt, positions } = progress
    if (rebuilt !== null) this.#options.onProblem?.(`the read model is built again from the log, since ${rebuilt}`)
    const { source } = this.#options
    if (source.kind === 'pump') this.#stopPump = this.#startPump(source.log, positions, 'serving')
    this.poke()
    resolve()
  }

  #startPump(log: Log, positions: readonly number[], build: Build): () => Promise<void> {
    const sink = {
      apply: (partition: number, records: readonly EventRecord[], nextOffset: number) =>
        this.#apply(build, partition, records, nextOffset),
    }
    const { environment, onProblem = () => {} } = this.#options
    const onFailed = (error: unknown): void => this.#pumpFailed(error)
    return startPump({ log, environment, sink, positions, onProblem, onFailed })
  }

  #pumpFailed(error: unknown): void {
    const closing = error instanceof ReadModelError && error.code === 'READ_MODEL_CLOSED'
    if (!closing) this.#options.onProblem?.(`the read model gets no more events: ${(error as Error).message}`)
  }

  #endRebuilding(): void {
    if (!this.#rebuilding) return
    this.#rebuilding = false
    this.#options.onProblem?.('the read model has been built again and serves')
    void this.#stopNextPump?.()
    this.#stopNextPump = null
  }

  #pull(): void {
    this.#poked = false
    this.#state = 'pulling'
    this.#calls.post({ kind: 'poke' })
  }

  #onProgress(progress: Extract<Progress, { readonly kind: 'progress' }>): void {
    if (progress.error !== null) this.#options.onProblem?.(`the read model could not apply events: ${progress.error}`)
    if (this.#state !== 'pulling') return
    if (progress.more) {
      this.#pull()
      return
    }
    this.#state = 'resting'
    if (progress.error !== null) this.#poked = true
    this.#endRest = this.#options.environment.after(this.#restMs(progress.error !== null), () => this.#wake())
  }

  #wake(): void {
    if (this.#state !== 'resting') return
    this.#endRest()
    this.#state = 'idle'
    if (this.#poked) this.#pull()
  }

  #restMs(problem: boolean): number {
    if (problem) return PROBLEM_INTERVAL_MS
    return this.#awaited > 0 ? AWAITED_INTERVAL_MS : (this.#options.intervalMs ?? DEFAULT_INTERVAL_MS)
  }
}
