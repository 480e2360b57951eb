/**
 * Where an in-memory log can be made to misbehave. The hooks are asked at each operation; without hooks the log is well behaved.
 *
 * - `lost`: the outcome is reported as unknown, and nothing was written.
 * - `applied_unknown`: the outcome is reported as unknown, and everything was written.
 * - `log_full`: refused for want of space, nothing written.
 * - `duplicate`: the records are written twice, as by a producer that repeats a request whose answer was lost (appends only).
 * - `unfenced_results`: an owner that lost its partition still gets its results in, but not its progress (reports only).
 *
 * Eager storage asks `commit` only, once for each group, and when it looks whether it is full still; it leaves no gaps.
 */
export type CommitFault = 'none' | 'lost' | 'applied_unknown' | 'log_full'
export type AppendFault = CommitFault | 'duplicate'
export type ReportFault = AppendFault | 'unfenced_results'
export type LogVerb = 'open' | 'commit' | 'append' | 'report' | 'read' | 'notify' | 'assign' | 'revoke'

export interface MemoryFaults {
  commit?(taskId: number): CommitFault
  append?(): AppendFault
  /** `isOwner`: the reporter still holds the partition. */
  report?(isOwner: boolean): ReportFault
  /** Milliseconds that one leg (request or answer) of the operation takes. Default 0. */
  latencyMs?(verb: LogVerb): number
  /** Eager storage: so many records were seen and are gone. */
  takenBack?(records: number): void
  /** Eager storage: a task was ended because it had read records that are gone. */
  readTooFar?(who: 'task' | 'member'): void
  /** How many offsets are left out before the next batch of a partition, as transaction markers do. Default 0. */
  gap?(): number
}

/**
 * How records reach their readers: `encoded` gives `message: null`, so that everything passes the codec; `frozen` hands on the writer's own
 * message, deeply frozen, so that a reader which changes it throws.
 */
export type MessageMode = 'encoded' | 'frozen'
