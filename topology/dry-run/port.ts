/** What a dry run is asked and what it tells: a flow as it would run, on virtual time and with what has effects replaced. */
import type { Json, JsonText } from '../../schemas/json.ts'
import type { ErrorClass } from '../../schemas/records/shared.ts'

/** What an attempt of a mocked step does. */
export interface Mock {
  /** How long it takes, virtual milliseconds. */
  readonly afterMs: number
  readonly result: { readonly output: Json } | { readonly error: MockError }
}

export interface MockError {
  readonly code: string
  readonly message: string
  readonly class: ErrorClass
  readonly retryAfterMs: number | null
  readonly detail: Json
}

export interface DryRunRequest {
  /** Name of the flow. */
  readonly flow: string
  /** As `checkFlow` gives it. */
  readonly document: JsonText
  readonly input: Json
  /** By step: the first attempt gets the first mock and so on; those beyond the last one get the last. Never empty. */
  readonly mocks: ReadonlyMap<string, readonly Mock[]>
  /** The wall clock when the run is submitted, milliseconds since the epoch. */
  readonly startMs: number
  /** Cancels the run after so long, virtual milliseconds; `null`: it is left to itself. */
  readonly cancelAfterMs: number | null
}

export interface DryRunError {
  readonly code: string
  readonly message: string
  readonly class: ErrorClass
  readonly detail: Json
}

export type DryStepStatus =
  | 'queued'
  | 'running'
  | 'retrying'
  | 'waiting'
  | 'completed'
  | 'failed'
  | 'timed_out'
  | 'skipped'
  | 'cancelled'

export interface DryStep {
  readonly id: string
  readonly status: DryStepStatus
  /** Attempts that were begun. */
  readonly attempts: number
  readonly output: Json
  readonly error: DryRunError | null
  /** Why it was skipped or cancelled. */
  readonly reason: string | null
  /** Of the latest attempt, as it was rendered; `undefined`: no attempt was begun. */
  readonly input: Json | undefined
  readonly mocked: boolean
  /** From the run's begin to the step's end, virtual milliseconds; `null`: it has not ended. */
  readonly endedAfterMs: number | null
}

export interface DryRunReport {
  /** `unfinished`: it did not end within the bounds; `problems` says which. */
  readonly status: 'completed' | 'failed' | 'cancelled' | 'timed_out' | 'rejected' | 'unfinished'
  readonly output: Json
  readonly error: DryRunError | null
  /** Virtual milliseconds. */
  readonly durationMs: number
  /** In the order in which they first appeared; steps that nothing happened to are absent. */
  readonly steps: readonly DryStep[]
  /** Steps with effects that were reached without a mock, with their blocks. */
  readonly unmocked: readonly { readonly step: string; readonly block: string }[]
  readonly problems: readonly string[]
}
