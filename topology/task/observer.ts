/** What the shell tells about a task; metrics and logs hang off it. Every method is called after the fact and must not throw. */
import type { TracedEnd } from '../../processors/traced.ts'
import type { CounterName } from '../../processors/turn.ts'
import type { RunId, StepId } from '../../schemas/ids.ts'
import type { TaskTopic } from '../../schemas/topics.ts'

export { COUNTER_NAMES } from '../../processors/turn.ts'

export type TaskPhase = 'opening' | 'restoring' | 'running' | 'draining' | 'stopped'

export interface CommitStats {
  readonly taskId: number
  /** Outside records decided (fused ones not counted). */
  readonly records: number
  readonly emitted: number
  readonly fused: number
  readonly writes: number
  readonly decideMs: number
  readonly commitMs: number
  /** Age of the oldest record among those decided, when it was decided. 0 if there were due rows alone. */
  readonly lagMs: number
}

/** What a record is about, as it says itself. */
export interface RecordSubject {
  readonly runId: RunId
  readonly stepId: StepId | null
  readonly attempt: number | null
  readonly traceId: string | null
}

export interface TaskObserver {
  phase(taskId: number, phase: TaskPhase): void
  restored(taskId: number, stats: { keys: number; durationMs: number; fromSnapshot: boolean }): void
  restoreProgress(taskId: number, done: number, total: number): void
  committed(stats: CommitStats): void
  counted(taskId: number, name: CounterName, by: number): void
  deadLettered(
    taskId: number,
    topic: TaskTopic | 'timer',
    offset: number,
    code: string,
    message: string,
    about?: RecordSubject,
  ): void
  /** The task discards its state and reopens. */
  reopening(taskId: number, error: Error): void
  /** The task ended without a snapshot: its next start takes longer, no more. */
  snapshotFailed?(taskId: number, error: Error): void
  /** A run or attempt has ended, durably. Absent: nobody traces them. */
  readonly traced?: (end: TracedEnd) => void
}
