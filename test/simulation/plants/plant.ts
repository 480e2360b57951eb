/** A bug that is put in from outside, by wrapping what the product is given. Never part of the product. */
import type { MemoryStorage } from '../../../connectors/log-memory/storage.ts'
import type { Processor } from '../../../processors/turn.ts'
import type { Environment } from '../../../topology/environment.ts'
import type { Log } from '../../../topology/log/port.ts'
import type { SnapshotStore } from '../../../topology/task/snapshot.ts'

export interface Plant {
  readonly name: string
  /** What is wrong with it, for people. */
  readonly meaning: string
  readonly storage?: (storage: MemoryStorage) => void
  readonly log?: (log: Log, environment: Environment) => Log
  readonly processors?: (processors: readonly Processor[]) => readonly Processor[]
  readonly snapshots?: (store: SnapshotStore) => SnapshotStore
  /** For what has no port; gives back how to undo it. */
  readonly install?: () => () => void
}
