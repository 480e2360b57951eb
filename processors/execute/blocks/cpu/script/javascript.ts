import type { Json } from '../../../../../schemas/json.ts'
import { type Block, type BlockContext, BlockError, type BlockErrorDef } from '../../../block.ts'
import { extentOf, MAX_DEPTH } from '../../../extent.ts'
import { type BlockTools, TIMEOUT_MS_SCHEMA, within } from '../../tools.ts'
import { type CpuPool, cpuCall } from '../cpu-pool.ts'
import type { ScriptLimits } from './script-call.ts'

export interface ScriptSettings {
  /** Memory that a script may use, in MiB; default 64, 1..1024. */
  readonly memoryMb?: number
  /** How long a script may take, in milliseconds; default 60,000. */
  readonly maxMs?: number
  /** Largest result as JSON, in UTF-16 units; default 1 Mi. */
  readonly outputChars?: number
  /** Scripts that are trusted may use all of Node.js, with `javascript.trusted`. Default false. */
  readonly trusted?: boolean
}

export interface ScriptInput {
  readonly code?: string
  readonly args?: { readonly [name: string]: Json }
  readonly timeout_ms?: number
}

const DEFAULT_MEMORY_MB = 64
export const DEFAULT_MAX_MS = 60_000
const DEFAULT_OUTPUT_CHARS = 1 << 20
/** The machine's stack below it is a multiple of it; see `SCRIPT_STACK_MB`. */
const STACK_KB = 256

/** Stack of a thread that runs scripts, so that a script comes to the end of its own first. */
export const SCRIPT_STACK_MB = 16

export const SCRIPT_ERRORS: readonly BlockErrorDef[] = [
  { code: 'MISSING_CODE', class: 'permanent', meaning: 'The input has no `code`.' },
  {
    code: 'SCRIPT_ERROR',
    class: 'permanent',
    meaning: 'The script does not parse, has thrown, or returns what is no JSON.',
  },
  { code: 'WORKER_ENDED', class: 'transient', meaning: 'The worker ended in the call, e.g. for want of memory.' },
]

export const SCRIPT_PROPERTIES = {
  code: {
    type: 'string',
    description:
      'JavaScript: a program, whose value is that of its last expression, or the body of a function that returns it; `await` may be used.',
  },
  args: { type: 'object', default: {}, description: 'Values by the names under which the script finds them.' },
  timeout_ms: TIMEOUT_MS_SCHEMA,
}

export function javascriptBlock(tools: BlockTools, pool: CpuPool, settings: ScriptSettings = {}): Block {
  const { maxMs = DEFAULT_MAX_MS } = settings
  const limits: ScriptLimits = {
    memoryMb: settings.memoryMb ?? DEFAULT_MEMORY_MB,
    stackKb: STACK_KB,
    outputChars: settings.outputChars ?? DEFAULT_OUTPUT_CHARS,
  }
  return {
    type: 'javascript',
    version: 1,
    pool: 'cpu',
    summary:
      'Runs a script in a sandbox without network, files or modules. `Date` stands still at the time the attempt was assigned, in UTC; random numbers follow from the attempt’s key; the console writes to the step’s log.',
    inputSchema: { type: 'object', properties: SCRIPT_PROPERTIES, additionalProperties: false },
    pure: true,
    errors: [
      ...SCRIPT_ERRORS,
      {
        code: 'SCRIPT_LIMIT',
        class: 'permanent',
        meaning:
          'The script needs more memory or stack than it may have, or returns too deep a value; `limit` says which.',
      },
      {
        code: 'SCRIPT_UNSETTLED',
        class: 'permanent',
        meaning: 'The script returned a promise that nothing can settle any more.',
      },
    ],
    example: { code: 'lines.map(({ qty }) => Math.ceil(qty / 12))', args: { lines: [{ qty: 30 }] } },
    examples: [
      { title: 'As the body of a function', input: { code: 'return { line: item.id }', args: { item: { id: 1 } } } },
    ],
    run: async (context, input) => {
      const { code, args, limitMs } = scriptOf(input as ScriptInput, maxMs)
      const { key: seed, assignedAtMs: nowMs = tools.now() } = context
      const call = cpuCall({ block: 'javascript', code, args, seed, nowMs, limits })
      const options = { interruptible: true, log: logOf(context) }
      return within(tools, context.signal, limitMs, (signal) => pool().call(call, signal, options))
    },
  }
}

/** @throws {BlockError} `MISSING_CODE`, `SCRIPT_ERROR` */
export function scriptOf({ code = '', args = {}, timeout_ms: limitMs }: ScriptInput, maxMs: number) {
  if (code.trim() === '') throw new BlockError('MISSING_CODE', "the step's input has no 'code'")
  if (extentOf(args) === Number.POSITIVE_INFINITY) {
    throw new BlockError('SCRIPT_ERROR', `'args' is nested more than ${MAX_DEPTH} deep`)
  }
  return { code, args, limitMs: Math.min(limitMs ?? maxMs, maxMs) }
}

export function logOf({ log }: BlockContext): BlockContext['log'] {
  return log === undefined ? undefined : (line) => log(line)
}
