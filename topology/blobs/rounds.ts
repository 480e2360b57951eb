/** One owner's round: waits until the owner has seen what was appended so far, then looks at all that it has. */
import { blobsIn } from '../../schemas/blob.ts'
import { TASK_TOPICS } from '../../schemas/topics.ts'
import type { Environment } from '../environment.ts'
import type { Log, PartitionInfo } from '../log/port.ts'
import type { ReadModel } from '../read-model/port.ts'
import type { Task } from '../task/task.ts'
import type { BlobStore } from './port.ts'
import { decodeNote, encodeNote } from './round-note.ts'

export interface RoundContext {
  readonly log: Pick<Log, 'id' | 'describe'>
  readonly store: BlobStore
  readonly environment: Environment
  readonly signal: AbortSignal
}

const POLL_MS = 500
/** A round that cannot begin by then is left for the next time. */
const PATIENCE_MS = 600_000
const ROWS_AT_ONCE = 500

/** False if the task could not be looked at to the end: it was busy, or moved to another process. */
export async function taskRound(context: RoundContext, task: Task, owner: string): Promise<boolean> {
  const startedAtMs = context.environment.now()
  const infos = await context.log.describe()
  const seen = await until(context, async () => {
    if (task.state === null) return false
    const now = await context.log.describe()
    return TASK_TOPICS.every((topic) => {
      const isOf = (info: PartitionInfo): boolean => info.topic === topic && info.partition === task.taskId
      const end = infos.find(isOf)?.nextOffset ?? 0
      // what has only ends of transactions behind it is passed over when positions are stored, not by the task
      return task.nextOffset(topic) >= end || (now.find(isOf)?.committedOffset ?? 0) >= end
    })
  })
  const { state } = task
  if (!seen || state === null) return false
  const hashes = new Set<string>()
  let rows = 0
  for (const { value } of state.entries()) {
    if (value !== null)
      for (const hash of blobsIn(Buffer.from(value.buffer, value.byteOffset, value.length).toString('latin1')))
        hashes.add(hash)
    if (++rows % ROWS_AT_ONCE === 0) {
      await new Promise<void>((resolve) => context.environment.soon(resolve))
      context.signal.throwIfAborted()
    }
  }
  // what was looked at is the owner's state only if it is so still
  if (task.state !== state) return false
  await write(context, owner, startedAtMs, hashes)
  return true
}

export async function readModelRound(context: RoundContext, readModel: ReadModel, owner: string): Promise<boolean> {
  const startedAtMs = context.environment.now()
  const ends = (await context.log.describe()).filter(({ topic }) => topic === 'events')
  const seen = await until(context, async () => {
    const positions = readModel.positions()
    return ends.every(({ partition, nextOffset }) => (positions[partition] ?? 0) >= nextOffset)
  })
  if (!seen) return false
  const hashes = new Set<string>()
  for (let after: number | null = 0; after !== null; ) {
    const page = await readModel.blobs(after)
    for (const hash of page.hashes) hashes.add(hash)
    after = page.next
    context.signal.throwIfAborted()
  }
  await write(context, owner, startedAtMs, hashes)
  return true
}

async function write(
  { log, store }: RoundContext,
  owner: string,
  startedAtMs: number,
  hashes: ReadonlySet<string>,
): Promise<void> {
  let before = null
  for await (const { name, text } of store.notes()) if (name === owner) before = decodeNote(text)?.last ?? null
  await store.putNote(owner, encodeNote({ last: { logId: log.id, startedAtMs, hashes }, before }))
}

async function until({ environment, signal }: RoundContext, holds: () => Promise<boolean>): Promise<boolean> {
  const giveUpAt = environment.monotonic() + PATIENCE_MS
  while (!(await holds())) {
    signal.throwIfAborted()
    if (environment.monotonic() >= giveUpAt) return false
    await new Promise<void>((resolve) => environment.after(POLL_MS, resolve))
  }
  return true
}
