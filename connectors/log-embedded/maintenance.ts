/**
 * Keeping the file small, off the hot path: the reader thread finds out what is to be done, the writer does it in small transactions, one at a
 * time, between the log's own.
 */
import type { DatabaseSync } from 'node:sqlite'
import { executeTopic, POOLS, TASK_TOPICS, type Topic } from '../../schemas/topics.ts'
import { ByteWriter } from './bytes.ts'
import { eachRow, writeRow } from './changelog-codec.ts'
import { compactor } from './compact.ts'
import { type GroupIndex, snapshotOf } from './group-index.ts'
import type { FoldGoal, ReaderData, Retention, Write } from './protocol.ts'
import { spanId } from './schema.ts'

/** Of changes that are folded at once. */
const FOLD_READ_BYTES = 32 << 20
const CHUNK_BYTES = 128 << 10
const CHUNK_ROWS = 256
const TRIM_ROWS = 128
/** So many times as much as is kept of what was read is kept of what was not: a reader that hangs must not fill the disk. */
const UNREAD_FACTOR = 8

export interface Maintenance {
  fold(goals: readonly FoldGoal[]): Promise<void>
  tidy(
    nowMs: number,
    unread: readonly number[],
  ): Promise<readonly { readonly topic: Topic; readonly partition: number; readonly first: number }[]>
  checkpoint(): Promise<void>
}

export function createMaintenance(
  database: DatabaseSync,
  index: GroupIndex,
  options: ReaderData,
  write: Write,
): Maintenance {
  const compact = compactor(database, write, options.compactBytes)
  const trim = trimmer(database, write)
  const committed = database.prepare('SELECT next FROM committed WHERE span = ?')
  const committedOf = (span: number) => Number(committed.get(span)?.['next'] ?? 0)
  const passive = database.prepare('PRAGMA wal_checkpoint(PASSIVE)')
  return {
    fold: folder(database, index, write),
    async tidy(nowMs, unread) {
      const trimmed = []
      for (const { topic, retention, consumedOnly } of policies(options)) {
        for (let partition = 0; partition < options.partitions; partition++) {
          const span = spanId(topic, partition)
          const perPartition = { ...retention, maxBytes: retention.maxBytes / options.partitions }
          const limits = consumedOnly
            ? { unread: committedOf(span), unreadBytes: Number.POSITIVE_INFINITY }
            : {
                unread: (topic === 'events' ? unread[partition] : undefined) ?? Number.POSITIVE_INFINITY,
                unreadBytes: perPartition.maxBytes * UNREAD_FACTOR,
              }
          const first = await trim(span, { ...perPartition, ...limits }, nowMs)
          if (first !== null) trimmed.push({ topic, partition, first })
        }
      }
      for (let partition = 0; partition < options.partitions; partition++) await compact(spanId('control', partition))
      return trimmed
    },
    async checkpoint() {
      passive.get()
      // What was written meanwhile is little: the writer copies it in no time, and can then begin the write-ahead log anew
      await write({ kind: 'checkpoint' })
    },
  }
}

function policies(options: ReaderData) {
  const consumed: Topic[] = [...TASK_TOPICS.filter((topic) => topic !== 'control'), ...POOLS.map(executeTopic)]
  return [
    ...consumed.map((topic) => ({ topic, retention: options.consumed, consumedOnly: true })),
    { topic: 'events' as const, retention: options.events, consumedOnly: false },
    { topic: 'replies' as const, retention: options.replies, consumedOnly: false },
  ]
}

interface Row {
  readonly key: Buffer
  /** `null`: deleted. */
  readonly value: Buffer | null
}

interface Net {
  readonly task: number
  /** Changes up to here are in the rows. */
  folded: number
  /** The last value of each key. */
  readonly rows: Map<string, Row>
}

interface Fold {
  readonly task: number
  readonly folded: number
  /** By key, as the table has them. */
  readonly rows: readonly Row[]
}

/** Applies changelog batches to the live rows. They go with their groups. */
function folder(database: DatabaseSync, index: GroupIndex, write: Write): Maintenance['fold'] {
  const foldedTo = database.prepare('SELECT folded FROM tasks WHERE task = ?')
  const stored = database.prepare('SELECT 1 FROM state WHERE task = ? AND key = ?')

  /** Most rows of a run come and go within one fold and never reach the table. Asked for in its order, neighbours lie on one page. */
  const foldOf = ({ task, folded, rows }: Net): Fold => {
    const ordered = [...rows.keys()].sort().map((name) => rows.get(name)!)
    return {
      task,
      folded,
      rows: ordered.filter(({ key, value }) => value !== null || stored.get(task, key) !== undefined),
    }
  }

  const writeRows = async ({ task, folded, rows }: Fold): Promise<void> => {
    const out = new ByteWriter()
    let count = 0
    for (const { key, value } of rows) {
      writeRow(out, key, value)
      if (++count < CHUNK_ROWS && out.length < CHUNK_BYTES) continue
      await write({ kind: 'fold', task, rows: new Uint8Array(out.bytes), folded: null })
      out.clear()
      count = 0
    }
    await write({ kind: 'fold', task, rows: new Uint8Array(out.bytes), folded })
  }

  return async (goals) => {
    for (;;) {
      // one state of the file for all of it: alone, each question would take and give back the locks of a transaction
      const folds = snapshotOf(database, () => {
        const spans = goals.map((goal) => ({ ...goal, from: Number(foldedTo.get(goal.task)?.['folded'] ?? 0) }))
        return netChanges(index, spans).map(foldOf)
      })
      if (folds.length === 0) return
      for (const fold of folds) await writeRows(fold)
    }
  }
}

/** What the next changes of the tasks come to, group by group for all of them. */
function netChanges(index: GroupIndex, spans: readonly (FoldGoal & { readonly from: number })[]): Net[] {
  index.refresh()
  const places = spans.flatMap(({ task, from, through }) => {
    const net: Net = { task, folded: from, rows: new Map() }
    const unfolded = index.changes(task).filter(({ position }) => position > from && position <= through)
    return unfolded.map((place) => ({ net, place }))
  })
  places.sort((a, b) => a.place.group - b.place.group)
  const nets = new Set<Net>()
  let bytes = 0
  for (const { net, place } of places) {
    if (bytes >= FOLD_READ_BYTES) break
    eachRow(index.readChanges(place), (key, value) => net.rows.set(key.toString('latin1'), { key, value }))
    net.folded = place.position
    nets.add(net)
    bytes += place.length
  }
  return [...nets]
}

interface TrimLimits extends Retention {
  /** The first offset that is still to be read. */
  readonly unread: number
  /** Bytes of the partition beyond which even what is to be read goes. */
  readonly unreadBytes: number
}

/** Removes what a partition need not keep; answers its new first offset, or `null` if all stayed. */
function trimmer(database: DatabaseSync, write: Write) {
  const total = database.prepare('SELECT total(bytes) AS bytes FROM batches WHERE span = ?')
  const oldest = database.prepare('SELECT base, next, last_ms, bytes FROM batches WHERE span = ? ORDER BY base LIMIT ?')
  return async (span: number, limits: TrimLimits, nowMs: number): Promise<number | null> => {
    let left = Number(total.get(span)!['bytes'])
    let first: number | null = null
    for (;;) {
      const rows = oldest.all(span, TRIM_ROWS + 1)
      let below = -1
      // The last row of those read stays: it may be the partition's last
      for (const row of rows.slice(0, -1)) {
        const old = Number(row['last_ms']) < nowMs - limits.maxAgeMs
        if (Number(row['next']) > limits.unread && left <= limits.unreadBytes) break
        if (!(old || left > limits.maxBytes)) break
        left -= Number(row['bytes'])
        below = Number(row['next'])
      }
      if (below < 0) return first
      await write({ kind: 'trim', span, below })
      first = below
    }
  }
}
