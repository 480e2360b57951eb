/**
 * The block contract: what a step type is, and what it is given to run one attempt.
 *
 * A block promises that
 *  B1  it takes every input that its schema lets through and answers with an output or a {@link BlockError} of a code it declares;
 *  B2  it stops within 100 ms once `signal` is aborted, and leaves nothing running that it began;
 *  B3  no promise of its is rejected unseen, and it keeps no more memory than its documented limits allow;
 *  B4  it sends `key` along with every effect outside that can make use of one: an attempt may be run again after a crash;
 *  B5  neither its output nor its errors repeat a secret it was given;
 *  B6  if it says that it is pure, it is: see `pure`.
 *
 * `test/processors/execute/blocks/conformance.test.ts` checks them for every block of the registry.
 */
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
  /** When the log took the attempt's assignment, milliseconds since the epoch. Absent where there is no log. */
  readonly assignedAtMs?: number
  /** Large values beside the log; absent where the executor has no place for them. */
  readonly blobs?: BlobPort | undefined
  /** Lines for the step's log, in order. Absent where nobody keeps them. */
  readonly log?: (line: BlockLogLine) => void
  /** Interim results, e.g. the tokens of a text that is being written; may be dropped. Absent where nobody listens. */
  readonly progress?: (value: Json) => void
}

export interface BlockLogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly message: string
}

/** What is too large for a record, by reference. */
export interface BlobPort {
  /** Stores the bytes and answers with their reference, `blob://...`. Ends with the signal's reason when that is aborted. */
  put(bytes: AsyncIterable<Uint8Array>, about: BlobInfo, signal: AbortSignal): Promise<BlobReference>
  /** @throws {BlockError} `BLOB_NOT_FOUND` */
  get(reference: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>
}

export interface BlobInfo {
  /** Media type, e.g. `application/pdf`; `null` if unknown. */
  readonly type: string | null
}

export interface BlobReference {
  readonly blob: string
  readonly size: number
  readonly type: string | null
  /** SHA-256 of the content, lower-case hex. */
  readonly hash: string
}

/** What an attempt is expected to take; all fields are estimates and may be missing. */
export interface CostEstimate {
  readonly durationMs?: number
  readonly memoryBytes?: number
  readonly tokens?: number
  readonly usd?: number
}

/** An input worth showing, and what it is for. */
export interface BlockExample {
  readonly title: string
  readonly input: Json
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
  /** JSON Schema (2020-12) of the output; absent: any JSON. */
  readonly outputSchema?: object
  /** Every error code the block may report, beyond the common ones. */
  readonly errors: readonly BlockErrorDef[]
  /** The block may also report codes that its input names. */
  readonly anyCode?: true
  /** An input that is valid, the first one to show. */
  readonly example: Json
  /** More of them. */
  readonly examples?: readonly BlockExample[]
  /**
   * `secret://name` in the input is replaced by the secret before `run`; the input must name it in the flow's document itself.
   * The schema is applied before.
   */
  readonly takesSecrets?: true
  /**
   * Without effect outside, and its output depends on its input alone (and the attempt's key and `assignedAtMs`). An attempt may then be begun before the log has made its assignment
   * durable, which a crash may turn into one that never was.
   */
  readonly pure?: true
  /** What an attempt will take, from its input alone; absent: not known. */
  estimate?(input: Json): CostEstimate
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
  {
    code: 'OUTPUT_TOO_LARGE',
    class: 'permanent',
    meaning: 'The output is larger than the limit, or nested deeper than 512 levels.',
  },
  {
    code: 'BLOB_NOT_FOUND',
    class: 'permanent',
    meaning: 'The tenant has no such blob, or the input or a large payload that a blob held is gone.',
  },
  { code: 'BLOB_TOO_LARGE', class: 'permanent', meaning: 'A blob is larger than the limit.' },
  {
    code: 'BLOBS_UNAVAILABLE',
    class: 'transient',
    meaning: 'The place for blobs cannot be reached, or there is none.',
  },
  { code: 'INTERNAL_ERROR', class: 'permanent', meaning: 'The block threw something it does not declare.' },
]
