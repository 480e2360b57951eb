/** What the main thread and the thread of a custom block say to each other. */
import type { Json } from '../../../../schemas/json.ts'
import type { BlobReference, BlockLogLine } from '../../block.ts'
import type { CustomContext } from './declaration.ts'

/** `workerData` of a thread. */
export interface CustomSetup {
  readonly file: string
}

export type CallContext = Pick<
  CustomContext,
  'tenant' | 'runId' | 'stepId' | 'attempt' | 'key' | 'traceparent' | 'assignedAtMs'
>

export type ToThread =
  | { readonly kind: 'call'; readonly id: number; readonly input: Json; readonly context: CallContext }
  | { readonly kind: 'abort'; readonly id: number; readonly reason: string }
  | BlobAnswer

/** A question of call `id` to the place for blobs. */
export interface BlobQuestion {
  readonly kind: 'ask'
  readonly id: number
  readonly ask: number
  readonly wanted:
    | { readonly kind: 'get'; readonly reference: string }
    | { readonly kind: 'put'; readonly bytes: Uint8Array<ArrayBuffer>; readonly type: string | null }
}

export interface BlobAnswer {
  readonly kind: 'blob'
  readonly ask: number
  readonly outcome: BlobOutcome
}

export type BlobOutcome =
  | { readonly kind: 'got'; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'put'; readonly reference: BlobReference }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string }

export type FromThread =
  | { readonly kind: 'declared'; readonly declaration: Json }
  | { readonly kind: 'unusable'; readonly reason: string }
  | { readonly kind: 'log'; readonly id: number; readonly line: BlockLogLine }
  | { readonly kind: 'progress'; readonly id: number; readonly value: Json }
  | BlobQuestion
  /** `output` is JSON text. */
  | { readonly kind: 'done'; readonly id: number; readonly output: string }
  | {
      readonly kind: 'failed'
      readonly id: number
      readonly code: string | null
      readonly message: string
      readonly detail: Json
    }
