/** What the main thread and the thread of a custom block say to each other. */
import type { Json } from '../../../../schemas/json.ts'
import type { BlockLogLine } from '../../block.ts'
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

export type FromThread =
  | { readonly kind: 'declared'; readonly declaration: Json }
  | { readonly kind: 'unusable'; readonly reason: string }
  | { readonly kind: 'log'; readonly id: number; readonly line: BlockLogLine }
  | { readonly kind: 'progress'; readonly id: number; readonly value: Json }
  /** `output` is JSON text. */
  | { readonly kind: 'done'; readonly id: number; readonly output: string }
  | {
      readonly kind: 'failed'
      readonly id: number
      readonly code: string | null
      readonly message: string
      readonly detail: Json
    }
