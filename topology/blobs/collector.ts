/**
 * Removes blobs that nothing refers to.
 *
 * Every owner of references writes down, in rounds, what it refers to: each task all of its rows, each read model all of its runs. A round begins when the owner has worked off everything that had been
 * appended by then. Removed is what
 *  G1  was stored longer before the earlier of the last two rounds of every owner than blobs are kept in any case, so that the record that names it was appended before those rounds, if it ever was;
 *  G2  is in none of those rounds. Two, because a reference may move from one owner to another by way of the log while they look.
 * An owner that is missing, or whose rounds stand still, keeps everything since. Nothing is remembered but notes that are replaced as a whole, so a crash at any point only delays removals.
 */
import type { EpochMs } from '../../schemas/ids.ts'
import type { BlobStore } from './port.ts'
import { decodeNote, type RoundNote } from './round-note.ts'

export interface CollectOptions {
  readonly store: BlobStore
  readonly logId: string
  /** Number of tasks. */
  readonly partitions: number
  readonly keepMs: number
  readonly now: EpochMs
}

export interface Collected {
  /** Why nothing could be collected; `null`: it could. */
  readonly waitsFor: string | null
  readonly removed: number
  readonly kept: number
}

/** Read models come and go with their processes: one that has been silent for so long counts no more. Tasks always do. */
const SILENT_READ_MODEL_MS = 7 * 24 * 3_600_000

export function taskOwner(taskId: number): string {
  return `task-${taskId}`
}

export const READ_MODEL_OWNER = 'read-model'

export async function collect(options: CollectOptions): Promise<Collected> {
  const notes = new Map<string, RoundNote>()
  for await (const { name, text } of options.store.notes()) {
    const note = decodeNote(text)
    if (note !== null) notes.set(name, note)
  }
  const waitsFor = missing(notes, options)
  if (waitsFor !== null) return { waitsFor, removed: 0, kept: 0 }
  const counting = [...notes]
    .filter(([name, { last }]) => !isSilent(name, last.startedAtMs, options.now))
    .map(([, note]) => note)
  const before = Math.min(...counting.map((note) => note.before!.startedAtMs)) - options.keepMs
  const isReferred = (hash: string): boolean =>
    counting.some((note) => note.last.hashes.has(hash) || note.before!.hashes.has(hash))
  let removed = 0
  let kept = 0
  for await (const { tenant, hash, storedAtMs } of options.store.list()) {
    const goes =
      storedAtMs < before && !isReferred(hash) && (await options.store.removeUnlessStoredSince(tenant, hash, before))
    if (goes) removed++
    else kept++
  }
  return { waitsFor: null, removed, kept }
}

function isSilent(owner: string, lastMs: EpochMs, now: EpochMs): boolean {
  return owner.startsWith(READ_MODEL_OWNER) && lastMs < now - SILENT_READ_MODEL_MS
}

function missing(notes: ReadonlyMap<string, RoundNote>, { logId, partitions, now }: CollectOptions): string | null {
  const other = [...notes].find(([, { last }]) => last.logId !== logId)
  if (other !== undefined) return `another deployment (log ${other[1].last.logId}) keeps its blobs in the same place`
  for (let task = 0; task < partitions; task++) {
    if ((notes.get(taskOwner(task))?.before ?? null) === null)
      return `task ${task} has not told twice what it refers to`
  }
  const models = [...notes].filter(
    ([name, { last }]) => name.startsWith(READ_MODEL_OWNER) && !isSilent(name, last.startedAtMs, now),
  )
  if (models.length === 0) return 'no read model has told what it refers to'
  const young = models.find(([, { before }]) => before === null)
  return young === undefined ? null : `${young[0]} has not told twice what it refers to`
}
