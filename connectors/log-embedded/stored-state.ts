/** Where the file stands: what the main thread starts from, and goes back to after a transaction that failed. */
import type { DatabaseSync } from 'node:sqlite'
import { GroupIndex } from './group-index.ts'
import type { SpanState, StoredState, TaskState } from './protocol.ts'
import { ALL_TOPICS, spanId } from './schema.ts'

export function readState(database: DatabaseSync, partitions: number): StoredState {
  const index = new GroupIndex(database)
  index.refresh()
  const first = database.prepare('SELECT base FROM batches WHERE span = ? ORDER BY base LIMIT 1')
  const last = database.prepare('SELECT next, last_ms FROM batches WHERE span = ? ORDER BY base DESC LIMIT 1')
  const committed = database.prepare('SELECT next, beyond FROM committed WHERE span = ?')
  let lastMs = 0
  const spans: SpanState[] = []
  for (const topic of ALL_TOPICS) {
    for (let partition = 0; partition < partitions; partition++) {
      const span = spanId(topic, partition)
      const settled = last.get(span)
      const places = index.records(span)
      const progress = committed.get(span)
      lastMs = Math.max(lastMs, places.at(-1)?.lastMs ?? Number(settled?.['last_ms'] ?? 0))
      spans.push({
        topic,
        partition,
        first: Number(first.get(span)?.['base'] ?? places[0]?.base ?? 0),
        next: places.at(-1)?.next ?? Number(settled?.['next'] ?? 0),
        committed: Number(progress?.['next'] ?? 0),
        beyond: (progress?.['beyond'] ?? null) as string | null,
      })
    }
  }
  const id = String(database.prepare(`SELECT value FROM meta WHERE key = 'id'`).get()?.['value'])
  return { id, spans, tasks: tasksOf(database, index, partitions), lastMs }
}

function tasksOf(database: DatabaseSync, index: GroupIndex, partitions: number): TaskState[] {
  const folded = database.prepare('SELECT folded FROM tasks WHERE task = ?')
  return Array.from({ length: partitions }, (_, task) => {
    const foldedTo = Number(folded.get(task)?.['folded'] ?? 0)
    const unfolded = index.changes(task).filter(({ position }) => position > foldedTo)
    return {
      position: unfolded.at(-1)?.position ?? foldedTo,
      unfoldedBytes: unfolded.reduce((sum, { length }) => sum + length, 0),
    }
  })
}
