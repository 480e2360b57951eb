import type { Json } from '../../../../../schemas/json.ts'
import { type Block, BlockError } from '../../../block.ts'
import { type BlockTools, within } from '../../tools.ts'
import { ProcessPool } from '../../workers/process-pool.ts'
import { workerFile } from '../../workers/worker-file.ts'
import {
  DEFAULT_MAX_MS,
  logOf,
  SCRIPT_ERRORS,
  SCRIPT_PROPERTIES,
  type ScriptInput,
  type ScriptSettings,
  scriptOf,
} from './javascript.ts'

export interface TrustedOptions extends ScriptSettings {
  /** At most, from 1. */
  readonly processes: number
  readonly heapMb: number
}

export interface TrustedScripts {
  readonly block: Block
  close(): Promise<void>
}

/** What a process is told to run a trusted script. */
export interface TrustedCall {
  readonly code: string
  readonly args: { readonly [name: string]: Json }
}

/** Processes are started at the first step that needs one. */
export function trustedJavascript(tools: BlockTools, options: TrustedOptions): TrustedScripts {
  const { trusted = false, maxMs = DEFAULT_MAX_MS, processes: size, heapMb } = options
  let pool: ProcessPool | null = null
  const file = workerFile('trusted-worker', import.meta.url)
  const processes = (): ProcessPool => {
    pool ??= new ProcessPool({ file, size, heapMb, endedCode: 'WORKER_ENDED' })
    return pool
  }
  const block: Block = {
    type: 'javascript.trusted',
    version: 1,
    pool: 'cpu',
    summary:
      'Runs a script with all of Node.js, `require` included, in a process of its own that is killed at the deadline. It is no sandbox: the script may do whatever that process may. Not available unless the executor is set to trust scripts.',
    inputSchema: { type: 'object', properties: SCRIPT_PROPERTIES, additionalProperties: false },
    errors: [
      ...SCRIPT_ERRORS,
      { code: 'NOT_ENABLED', class: 'permanent', meaning: 'The executor is not set to trust scripts.' },
    ],
    example: { code: "require('node:os').cpus().length" },
    run: async (context, input) => {
      const { code, args, limitMs } = scriptOf(input as ScriptInput, maxMs)
      if (!trusted) {
        throw new BlockError('NOT_ENABLED', "this executor trusts no scripts; 'javascript' runs them in a sandbox")
      }
      const call: TrustedCall = { code, args }
      const options = { log: logOf(context) }
      return within(tools, context.signal, limitMs, (signal) =>
        processes().call(call as unknown as Json, signal, options),
      )
    },
  }
  return {
    block,
    close: async () => {
      await pool?.close()
    },
  }
}
