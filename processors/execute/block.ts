/** The block contract: what a step type is, and what it is given to run one attempt. */
import type { RunId, StepId, TenantId } from '../../schemas/ids.ts'
import type { Json } from '../../schemas/json.ts'
import type { ErrorClass } from '../../schemas/records/shared.ts'
import type { Pool } from '../../schemas/topics.ts'

export interface BlockContext {
  readonly tenant: TenantId
  readonly runId: RunId
  readonly stepId: StepId
  /** From 1. */
  readonly attempt: number
  /** `tenant/run/step/attempt`: the same for every execution of this attempt. Send it along as idempotency key. */
  readonly key: string
  /** Aborted on timeout, cancel and shutdown; the block must stop within 100 ms. */
  readonly signal: AbortSignal
  readonly traceparent: string | null
}

export interface BlockErrorDef {
  readonly code: string
  readonly class: ErrorClass
  readonly meaning: string
}

export interface Block {
  /** The name in a flow's `type`, e.g. `http`. */
  readonly type: string
  readonly version: number
  readonly pool: Pool
  readonly summary: string
  /** JSON Schema (2020-12) of the input; an input that does not match fails with `INPUT_INVALID`. */
  readonly inputSchema: object
  /** Every error code the block may report, beyond the common ones. */
  readonly errors: readonly BlockErrorDef[]
  /** The block may also report codes that its input names. */
  readonly anyCode?: true
  readonly example: Json
  run(context: BlockContext, input: Json): Promise<Json> | Json
}

/** A failure a block reports. `class` is that of the block's error table unless given. */
export class BlockError extends Error {
  readonly code: string
  readonly class: ErrorClass | undefined
  readonly retryAfterMs: number | null
  readonly detail: Json
  constructor(
    code: string,
    message: string,
    options: { class?: ErrorClass; retryAfterMs?: number | null; detail?: Json; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'BlockError'
    this.code = code
    this.class = options.class
    this.retryAfterMs = options.retryAfterMs ?? null
    this.detail = options.detail ?? null
  }
}

/** Codes any attempt may end with, whatever its block. */
export const COMMON_ERRORS: readonly BlockErrorDef[] = [
  { code: 'INPUT_INVALID', class: 'permanent', meaning: 'The rendered input does not match the block’s schema.' },
  { code: 'UNKNOWN_BLOCK', class: 'permanent', meaning: 'The executor has no block of this type.' },
  { code: 'TIMEOUT', class: 'transient', meaning: 'The attempt ran longer than the step’s timeout.' },
  { code: 'CANCELLED', class: 'permanent', meaning: 'The attempt was cancelled.' },
  { code: 'WORKER_LOST', class: 'transient', meaning: 'The worker went silent; decided by the home task.' },
  { code: 'OUTPUT_TOO_LARGE', class: 'permanent', meaning: 'The output is larger than the limit.' },
  { code: 'INTERNAL_ERROR', class: 'permanent', meaning: 'The block threw something it does not declare.' },
]
