/** The port for snapshots of a task's state: copies that make a restart fast and may be deleted at any time. */
import type { ChangelogEntry } from '../log/port.ts'

export interface Snapshot {
  /** Changelog position the entries are complete up to. */
  readonly position: number
  readonly entries: Iterable<ChangelogEntry>
}

export interface SnapshotStore {
  /** The latest whole snapshot of the task in this log; `null` if there is none or it cannot be trusted. */
  load(taskId: number, logId: string): Promise<Snapshot | null>
  /** Replaces the task's snapshot; the old one stays until the new one is whole. */
  save(taskId: number, logId: string, snapshot: Snapshot): Promise<void>
  /** Removes the task's snapshot, if there is one. */
  discard(taskId: number): Promise<void>
}
