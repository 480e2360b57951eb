/** Opens the read model of a process: a file of its own on SQLite, or a database that several share on Postgres. */
import { join } from 'node:path'
import type { Environment } from '../../topology/environment.ts'
import type { Log } from '../../topology/log/port.ts'
import type { ReadModel } from '../../topology/read-model/port.ts'
import type { OpenedLog } from '../open-log.ts'
import { openSqliteReadModel } from './sqlite/sqlite-read-model.ts'

export type ReadModelChoice = (
  | { readonly kind: 'sqlite' }
  | { readonly kind: 'postgres'; readonly url: string; readonly schema?: string }
) & {
  /** Of the thread that applies events, 0..19; default 0. */
  readonly nice?: number
}

export interface OpenedReadModel {
  readonly readModel: ReadModel
  /** There may be new events; cheap. */
  poke(): void
  /** Until it has applied what was there when it was opened: how far it is, in words. */
  waitsFor(): string | null
}

export interface OpenReadModelOptions {
  readonly dataFolder: string
  /** Whether this process projects events, or only asks. */
  readonly projects: boolean
  readonly environment: Environment
  readonly onProblem: (message: string) => void
}

export async function openReadModel(
  choice: ReadModelChoice,
  options: OpenReadModelOptions & OpenedLog,
): Promise<OpenedReadModel> {
  const heads = await eventHeads(options.log)
  if (choice.kind === 'postgres') return openOnPostgres(choice, options, heads)
  const { dataFolder, environment, onProblem, log } = options
  // the folder is the embedded log's, while one that is on Kafka may have been another one yesterday
  const model = await openSqliteReadModel({
    environment,
    nice: choice.nice ?? 0,
    source:
      options.kind === 'embedded' ? { kind: 'embedded', folder: dataFolder } : { kind: 'kafka', log: options.choice },
    file: join(dataFolder, options.kind === 'embedded' ? 'read-model.db' : `read-model-${log.id}.db`),
    partitions: log.partitions,
    heads,
    logId: log.id,
    onProblem,
  })
  if (options.kind === 'embedded') options.log.keepEvents(() => model.positions())
  return { readModel: model, poke: () => model.poke(), waitsFor: catchingUp(model, heads) }
}

async function openOnPostgres(
  { url, schema, nice = 0 }: Extract<ReadModelChoice, { readonly kind: 'postgres' }>,
  options: OpenReadModelOptions & OpenedLog,
  heads: readonly number[],
): Promise<OpenedReadModel> {
  const { environment, onProblem, projects, log, dataFolder } = options
  const source =
    options.kind === 'embedded'
      ? ({ kind: 'embedded', folder: dataFolder } as const)
      : ({ kind: 'kafka', log: options.choice } as const)
  const { openPostgresReadModel } = await import('./postgres/postgres-read-model.ts')
  const readModel = await openPostgresReadModel({
    environment,
    nice,
    url,
    ...(schema === undefined ? {} : { schema }),
    logId: log.id,
    partitions: log.partitions,
    project: projects ? source : null,
    onProblem,
  })
  if (options.kind === 'embedded') options.log.keepEvents(() => readModel.positions())
  const behind = projects ? catchingUp(readModel, heads) : () => null
  return { readModel, poke: () => readModel.poke(), waitsFor: () => readModel.waitsFor() ?? behind() }
}

/** Where `events` ends, by partition. */
async function eventHeads(log: Log): Promise<readonly number[]> {
  const heads = new Array<number>(log.partitions).fill(0)
  for (const { topic, partition, nextOffset } of await log.describe()) {
    if (topic === 'events') heads[partition] = nextOffset
  }
  return heads
}

/** Records may be missing at an end (marks of transactions), which a projection need not have passed. */
function catchingUp(model: Pick<ReadModel, 'positions'>, heads: readonly number[]): () => string | null {
  let done = false
  return () => {
    if (done) return null
    const positions = model.positions()
    const behind = heads.reduce((sum, head, partition) => sum + Math.max(0, head - (positions[partition] ?? 0)), 0)
    done = behind === 0
    return done ? null : `the read model is ${behind} events behind`
  }
}
