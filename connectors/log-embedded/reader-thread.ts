/** Entry of the reader's worker thread: history for whoever is behind, and the maintenance of the file. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { answer, caller } from './calls.ts'
import { GroupIndex } from './group-index.ts'
import { type ChangelogCursor, openHistory } from './history.ts'
import { createMaintenance } from './maintenance.ts'
import type { FoldGoal, MaintenanceWrite, ReaderCalls, ReaderData, ThreadError, WriterCalls } from './protocol.ts'
import { DATABASE_FILE } from './schema.ts'
import { settle } from './settle.ts'

const main = parentPort!
const { writer: writerPort, ...options } = workerData as ReaderData & { readonly writer: MessagePort }
const writer = caller<WriterCalls>(writerPort)
const database = new DatabaseSync(join(options.folder, DATABASE_FILE))
database.exec('PRAGMA busy_timeout = 10000; PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = FULL')
const index = new GroupIndex(database)
const history = openHistory(database, index)
const write = (change: MaintenanceWrite) => writer.call('maintain', [change])
const maintenance = createMaintenance(database, index, options, write)

/** By task, how many owners are restoring it: a fold waits for them, and they for a fold. */
const pins = new Map<number, number>()
const restoring = new Map<number, ChangelogCursor>()
const folding = new Map<number, Promise<void>>()
let settling: Promise<void> | null = null

answer<ReaderCalls>(
  main,
  {
    fetch: history.fetch,
    seek: history.seek,
    async pin(task) {
      pins.set(task, (pins.get(task) ?? 0) + 1)
      await folding.get(task)
      return history.foldedTo(task)
    },
    unpin(task) {
      pins.set(task, (pins.get(task) ?? 1) - 1)
    },
    changelogBegin(task, from) {
      restoring.set(task, history.changelog(task, from))
    },
    changelogNext: (task, through) => restoring.get(task)?.next(through) ?? null,
    fold,
    settle: settleGroups,
    async tidy(nowMs, unread, slack) {
      await settleGroups(slack)
      return maintenance.tidy(nowMs, unread)
    },
    checkpoint: maintenance.checkpoint,
    close() {
      writerPort.close()
      database.close()
    },
  },
  errorOf,
)

async function fold(goals: readonly FoldGoal[]): Promise<readonly number[]> {
  const free = goals.filter(({ task }) => (pins.get(task) ?? 0) === 0 && !folding.has(task))
  const tasks = free.map(({ task }) => task)
  const done = maintenance.fold(free)
  const ended = done
    .catch(() => {})
    .finally(() => {
      for (const task of tasks) folding.delete(task)
    })
  for (const task of tasks) folding.set(task, ended)
  await done
  return tasks
}

/** One at a time. */
function settleGroups(slack: number): Promise<void> {
  settling ??= settle(database, index, options, slack, foldThrough, write).finally(() => {
    settling = null
  })
  return settling
}

async function foldThrough(task: number, position: number): Promise<boolean> {
  await folding.get(task)
  return history.foldedTo(task) >= position || (await fold([{ task, through: position }])).length === 1
}

function errorOf(error: unknown): ThreadError {
  return { code: 'OUTCOME_UNKNOWN', message: `reading ${options.folder} failed: ${(error as Error).message}` }
}
