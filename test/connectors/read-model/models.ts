/** The read models that one suite is run on. */
import { realEnvironment as environment } from '../../../connectors/environment.ts'
import { openMemoryLog } from '../../../connectors/log-memory/memory-log.ts'
import { createMemoryStorage } from '../../../connectors/log-memory/storage.ts'
import { openPostgresReadModel } from '../../../connectors/read-model/postgres/postgres-read-model.ts'
import type { RetentionOptions } from '../../../connectors/read-model/retention.ts'
import { openSqliteReadModel } from '../../../connectors/read-model/sqlite/sqlite-read-model.ts'
import { encodeRecord } from '../../../schemas/codec/wire.ts'
import { homeOf, type RunId } from '../../../schemas/ids.ts'
import type { EventRecord } from '../../../schemas/records/index.ts'
import type { Log } from '../../../topology/log/port.ts'
import type { ReadModel } from '../../../topology/read-model/port.ts'

export const PARTITIONS = 2

export interface OpenOptions {
  readonly retention?: Partial<RetentionOptions>
  readonly maxPayloadBytes?: number
}

/** A log in memory and a read model of it. */
export interface Stage {
  readonly log: Log
  readonly model: ReadModel
  readonly problems: string[]
  /** Appends the events, each to the partition of its run; resolves when they are durable. */
  append(events: readonly EventRecord[]): Promise<void>
  /** Appends, and resolves when the model has applied everything. */
  project(events: readonly EventRecord[]): Promise<void>
  close(): Promise<void>
}

export type OpenStage = (options?: OpenOptions) => Promise<Stage>

/** By name; on Postgres only where there is one. */
export async function openers(): Promise<readonly (readonly [name: string, open: OpenStage])[]> {
  // Only within a test run, so that processes that tests start can use the rest of this.
  const { testPostgres } = await import('../../support/postgres.ts')
  const postgres = await testPostgres()
  const sqlite: OpenStage = (options = {}) =>
    openStage((log, problems) =>
      openSqliteReadModel({
        ...options,
        environment,
        file: ':memory:',
        partitions: PARTITIONS,
        source: { kind: 'pump', log },
        onProblem: (message) => problems.push(message),
      }),
    )
  if (postgres === null) {
    console.warn('*** SKIPPED: the read model on Postgres: no Postgres ***')
    return [['SQLite', sqlite]]
  }
  const onPostgres: OpenStage = async (options = {}) => {
    const url = await postgres.database()
    return openStage((log, problems) =>
      openOnPostgres(url, log, { ...options, onProblem: (text) => problems.push(text) }),
    )
  }
  return [
    ['SQLite', sqlite],
    ['Postgres', onPostgres],
  ]
}

export function openOnPostgres(
  url: string,
  log: Log,
  options: OpenOptions & { readonly projects?: boolean; readonly onProblem?: (message: string) => void } = {},
): Promise<ReadModel> {
  const { projects = true, ...rest } = options
  const project = projects ? ({ kind: 'log', log } as const) : null
  return openPostgresReadModel({ ...rest, environment, url, logId: log.id, partitions: log.partitions, project })
}

export function memoryLog(): Log {
  return openMemoryLog(createMemoryStorage(PARTITIONS), environment)
}

async function openStage(open: (log: Log, problems: string[]) => Promise<ReadModel>): Promise<Stage> {
  const log = memoryLog()
  const problems: string[] = []
  const model = await open(log, problems)
  const append = (events: readonly EventRecord[]): Promise<void> => appendEvents(log, events)
  return {
    log,
    model,
    problems,
    append,
    async project(events) {
      await append(events)
      await caughtUp(log, model)
    },
    async close() {
      await model.close()
      await log.close()
    },
  }
}

export async function appendEvents(log: Log, events: readonly EventRecord[]): Promise<void> {
  if (events.length === 0) return
  await log.append(
    events.map((event) => ({
      topic: 'events',
      partition: partitionOf(event, log.partitions),
      key: null,
      value: encodeRecord(event),
      headers: null,
      handled: false,
      message: event,
    })),
  )
}

function partitionOf(event: EventRecord, partitions: number): number {
  return 'runId' in event && event.runId !== null ? homeOf(event.runId as RunId, partitions) : 0
}

export async function heads(log: Log): Promise<number[]> {
  const found = new Array<number>(log.partitions).fill(0)
  for (const { topic, partition, nextOffset } of await log.describe()) {
    if (topic === 'events') found[partition] = nextOffset
  }
  return found
}

/** Waits until the model has applied what the log has now. */
export async function caughtUp(log: Log, model: ReadModel, patienceMs = 60_000): Promise<void> {
  const wanted = await heads(log)
  const until = performance.now() + patienceMs
  for (;;) {
    const found = await positionsOf(model)
    if (found.every((offset, partition) => offset >= wanted[partition]!)) return
    if (performance.now() > until) throw new Error(`the read model is at ${found}, the log at ${wanted}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** As far as an answer shows it. */
async function positionsOf(model: ReadModel): Promise<readonly number[]> {
  return (await model.state().catch(() => null))?.asOf.positions ?? new Array<number>(PARTITIONS).fill(-1)
}
