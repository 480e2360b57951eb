/** Where the file stands: what the main thread starts from, and goes back to after a transaction that failed. */
import type { DatabaseSync } from 'node:sqlite'
import type { SpanState, StoredState, TaskState } from './protocol.ts'
import { ALL_TOPICS, spanId } from './schema.ts'

export function readState(database: DatabaseSync, partitions: number): StoredState {
  const first = database.prepare('SELECT base FROM batches WHERE span = ? ORDER BY base LIMIT 1')
  const last = database.prepare('SELECT next, last_ms FROM batches WHERE span = ? ORDER BY base DESC LIMIT 1')
  const committed = database.prepare('SELECT next, beyond FROM committed WHERE span = ?')
  let lastMs = 0
  const spans: SpanState[] = []
  for (const topic of ALL_TOPICS) {
    for (let partition = 0; partition < partitions; partition++) {
      const span = spanId(topic, partition)
      const end = last.get(span)
      const progress = committed.get(span)
      lastMs = Math.max(lastMs, Number(end?.['last_ms'] ?? 0))
      spans.push({
        topic,
        partition,
        first: Number(first.get(span)?.['base'] ?? 0),
        next: Number(end?.['next'] ?? 0),
        committed: Number(progress?.['next'] ?? 0),
        beyond: (progress?.['beyond'] ?? null) as string | null,
      })
    }
  }
  const id = String(database.prepare(`SELECT value FROM meta WHERE key = 'id'`).get()?.['value'])
  return { id, spans, tasks: tasksOf(database, partitions), lastMs }
}

function tasksOf(database: DatabaseSync, partitions: number): TaskState[] {
  const folded = database.prepare('SELECT folded FROM tasks WHERE task = ?')
  const last = database.prepare('SELECT position FROM changelog WHERE task = ? ORDER BY position DESC LIMIT 1')
  const bytes = database.prepare('SELECT total(bytes) AS bytes FROM changelog WHERE task = ? AND position > ?')
  return Array.from({ length: partitions }, (_, task) => {
    const foldedTo = Number(folded.get(task)?.['folded'] ?? 0)
    return {
      position: Math.max(Number(last.get(task)?.['position'] ?? 0), foldedTo),
      unfoldedBytes: Number(bytes.get(task, foldedTo)?.['bytes'] ?? 0),
    }
  })
}
