/** One attempt that an executor has read: its record, where it is in its life, and what its block is given. */

import { outsideKey } from '../../processors/execute/attempt-key.ts'
import type { BlobPort, BlockContext, BlockLogLine } from '../../processors/execute/block.ts'
import type { RunId, StepId, TenantId } from '../../schemas/ids.ts'
import type { Json } from '../../schemas/json.ts'
import type { ExecuteStep } from '../../schemas/records/execute.ts'
import type { AttemptFinished } from '../../schemas/records/result.ts'
import type { LogRecord } from '../log/port.ts'
import type { Timed } from './deadlines.ts'

/**
 * `queued` -> `running` -> `ended`; an abort makes it `aborting` in between. `orphaned`: its block outlived the abort grace, so the
 * attempt has ended and only the block's own end is still to come.
 */
export type AttemptState = 'queued' | 'running' | 'aborting' | 'ended' | 'orphaned'
export type AbortCause = 'timeout' | 'cancel' | 'shutdown'

/** How an attempt left this executor. */
export type AttemptEnd =
  | { readonly kind: 'report'; readonly result: AttemptFinished }
  /** Cancelled: the home task has decided its end already. */
  | { readonly kind: 'dropped' }
  /** Given up unfinished, for the next owner of the partition. */
  | { readonly kind: 'abandoned' }

export interface AttemptOwner {
  ended(attempt: Attempt, end: AttemptEnd): void
}

export interface Attempt extends Timed {
  step: ExecuteStep
  /** `run/step/attempt`. */
  readonly key: string
  readonly owner: AttemptOwner
  /** The record it was first read from. */
  readonly source: LogRecord
  /** Monotonic time since when it has held its lowest offset. */
  heldSince: number
  /** Records that are finished when the attempt is: its own, copies of it, and its `CancelStep`. */
  offsets: number[]
  state: AttemptState
  abortCause: AbortCause | null
  context: AttemptContext | null
  startedAtMs: number
  startedAt: number
}

/** What a block is given besides its input, where there is somebody to take it. */
export interface BlockServices {
  readonly logged?: StepLog | undefined
  readonly progressed?: ((step: ExecuteStep, value: Json) => void) | undefined
  readonly blobsOf?: ((tenant: TenantId) => BlobPort) | undefined
}

type StepLog = (step: ExecuteStep, line: BlockLogLine) => void

/** Most blocks never look at their signal, so it is made when it is asked for. */
export class AttemptContext implements BlockContext {
  readonly tenant: TenantId
  readonly runId: RunId
  readonly stepId: StepId
  readonly attempt: number
  readonly traceparent: string | null
  readonly assignedAtMs: number
  readonly log?: (line: BlockLogLine) => void
  readonly progress?: (value: Json) => void
  readonly #key: string
  readonly #blobsOf: BlockServices['blobsOf']
  #blobs: BlobPort | undefined
  #controller: AbortController | null = null
  #reason: Error | null = null

  /** `traceparent`: what goes along with what the block asks of others. */
  constructor(
    step: ExecuteStep,
    key: string,
    assignedAtMs: number,
    traceparent: string | null,
    services: BlockServices,
  ) {
    this.tenant = step.tenant
    this.runId = step.runId
    this.stepId = step.stepId
    this.attempt = step.attempt
    this.traceparent = traceparent
    this.assignedAtMs = assignedAtMs
    const { logged, progressed, blobsOf } = services
    if (logged !== undefined) this.log = (line) => logged(step, line)
    if (progressed !== undefined) this.progress = (value) => progressed(step, value)
    this.#blobsOf = blobsOf
    this.#key = key
  }

  get key(): string {
    return outsideKey(this.tenant, this.#key)
  }

  get blobs(): BlobPort | undefined {
    this.#blobs ??= this.#blobsOf?.(this.tenant)
    return this.#blobs
  }

  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController()
      if (this.#reason !== null) this.#controller.abort(this.#reason)
    }
    return this.#controller.signal
  }

  abort(reason: Error): void {
    this.#reason ??= reason
    this.#controller?.abort(this.#reason)
  }
}
