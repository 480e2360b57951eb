/**
 * What a worker pool and its threads say to each other.
 *
 * Calls travel in batches as JSON text. Each call has a slot in memory that both sides share: the thread claims the slot before it begins the
 * call, the pool may withdraw a call that is not claimed. So the pool knows exactly which call a thread is in, can take others back when
 * the thread is stuck, and needs to kill it only for the one that it really runs.
 */

import type { BlockLogLine } from '../../block.ts'

/** Calls one thread may hold. */
export const SLOTS = 64
/** Word of the shared memory after the slots: 1 + the slot being run, 0 between calls. */
export const CURRENT = SLOTS
/** The word after that: 1 + the slot whose call is to end as soon as it can, 0 if there is none. */
export const INTERRUPT = SLOTS + 1
export const WORDS = SLOTS + 2

export const PENDING = 0
export const CLAIMED = 1
export const WITHDRAWN = 2

export interface WorkerCall {
  readonly slot: number
  /** JSON text. */
  readonly payload: string
}

export type WorkerReply =
  | { readonly slot: number; readonly kind: 'done'; readonly output: string; readonly log?: readonly BlockLogLine[] }
  | {
      readonly slot: number
      readonly kind: 'failed'
      readonly code: string
      readonly message: string
      readonly detail: string
      readonly log?: readonly BlockLogLine[]
    }
  | { readonly slot: number; readonly kind: 'skipped' }

/** `workerData` of a thread. */
export interface WorkerSetup {
  readonly claims: SharedArrayBuffer
}
