import type { Json } from '../../../../../schemas/json.ts'

export interface ScriptLimits {
  readonly memoryMb: number
  /** Of the script's own calls. */
  readonly stackKb: number
  /** UTF-16 units of the result as JSON. */
  readonly outputChars: number
}

/** What a thread is told to run a script. */
export interface ScriptCall {
  readonly block: 'javascript'
  readonly code: string
  readonly args: { readonly [name: string]: Json }
  /** What its random numbers come from. */
  readonly seed: string
  /** What its clock shows, milliseconds since the epoch. */
  readonly nowMs: number
  readonly limits: ScriptLimits
}
