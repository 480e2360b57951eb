/** How an owner reads its task's changelog. */
import type { ChangelogEntry } from '../../topology/log/port.ts'
import type { MemoryClient } from './client.ts'

export interface ChangelogPart {
  readonly entries: readonly ChangelogEntry[]
  readonly position: number
}

/** Everything from `from` to `end`; what was folded comes as one part. */
export async function* readChangelog(
  client: MemoryClient,
  taskId: number,
  from: number,
  end: number,
): AsyncIterable<ChangelogPart> {
  const state = client.storage.tasks[taskId]!
  const { foldedTo } = state
  const live = [...state.folded].map(([key, value]) => ({ key, value }))
  const batches = state.batches.filter((batch) => batch.position <= end)
  await client.leg('read')
  if (from < foldedTo && live.length > 0) yield { entries: live, position: foldedTo }
  for (const batch of batches) {
    if (batch.position <= from) continue
    await client.leg('read')
    yield batch
  }
}
