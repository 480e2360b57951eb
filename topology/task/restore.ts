/** Rebuilds a task's state from a snapshot, if there is one, and the changelog after it. */
import type { Environment } from '../environment.ts'
import type { Log, TaskLog } from '../log/port.ts'
import type { TaskObserver } from './observer.ts'
import type { SnapshotStore } from './snapshot.ts'
import type { TaskState } from './state.ts'

/** Entries folded in before other work gets a chance. */
const SLICE = 20_000

/** @throws {StateError} when the changelog cannot be read by this version */
export async function restoreState(
  state: TaskState,
  log: Log,
  taskLog: TaskLog,
  snapshots: SnapshotStore | null,
  environment: Environment,
  observer: TaskObserver,
): Promise<void> {
  const startedAt = environment.monotonic()
  const { changelogPosition, changelogFirst } = taskLog.start
  const snapshot = (await snapshots?.load(taskLog.taskId, log.id)) ?? null
  const usable = snapshot !== null && snapshot.position >= changelogFirst && snapshot.position <= changelogPosition
  // It tells of commits that this log does not have, as one put back from a copy: once the log has as many again, it would be taken for its own
  if (snapshot !== null && snapshot.position > changelogPosition) await snapshots!.discard(taskLog.taskId)
  let folded = 0
  if (usable) {
    for (const entry of snapshot.entries) {
      state.restore(entry)
      if (++folded % SLICE === 0) await breathe(environment)
    }
  }
  const from = usable ? snapshot.position : 0
  for await (const batch of taskLog.changelog(from)) {
    for (const entry of batch.entries) {
      state.restore(entry)
      if (++folded % SLICE === 0) await breathe(environment)
    }
    observer.restoreProgress(taskLog.taskId, batch.position - from, changelogPosition - from)
  }
  const durationMs = environment.monotonic() - startedAt
  observer.restored(taskLog.taskId, { keys: state.size(), durationMs, fromSnapshot: usable })
}

function breathe(environment: Environment): Promise<void> {
  return new Promise((resolve) => environment.soon(resolve))
}
