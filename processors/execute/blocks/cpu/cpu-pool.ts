/** What the blocks of the cpu pool share: its threads, and what they are told. */
import type { Json } from '../../../../schemas/json.ts'
import type { WorkerPool } from '../workers/worker-pool.ts'
import type { ScriptCall } from './script/script-call.ts'

export type CpuPool = () => WorkerPool

export type CpuCall =
  | { readonly block: 'jmespath'; readonly expression: string; readonly data: Json }
  | { readonly block: 'transform'; readonly input: Json }
  | ScriptCall

/**
 * What a bounded expression may be given without a thread, in values and characters. The worst of them, texts made to be slow to search, then take
 * some milliseconds.
 */
export const INLINE_EXTENT = 4_096

/** UTF-16 units of the JSON text that a thread hands over; the executor has its own, lower limit. */
export const MAX_OUTPUT_CHARS = 4 << 20

/** A call of a thread, typed. */
export function cpuCall(call: CpuCall): Json {
  return call as unknown as Json
}
