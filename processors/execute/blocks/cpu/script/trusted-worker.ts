/** The program of the processes for trusted scripts. `node:vm` gives each script globals of its own and nothing more: it is no sandbox. */
import { createRequire } from 'node:module'
import { createContext, Script } from 'node:vm'
import type { Json } from '../../../../../schemas/json.ts'
import { BlockError, type BlockLogLine } from '../../../block.ts'
import { serveProcess } from '../../workers/serve-process.ts'
import type { TrustedCall } from './javascript-trusted.ts'
import { type ConsoleLevel, ScriptLog } from './script-log.ts'

const require = createRequire(import.meta.url)
/** What Node.js has and the language has not. */
const GIVEN = [
  'Buffer',
  'URL',
  'URLSearchParams',
  'TextEncoder',
  'TextDecoder',
  'AbortController',
  'AbortSignal',
  'fetch',
]
const GIVEN_TOO = ['crypto', 'performance', 'process', 'structuredClone', 'setTimeout', 'clearTimeout', 'setImmediate']

serveProcess(async (payload, log) => {
  const { code, args } = payload as unknown as TrustedCall
  try {
    const value = await run(code, args, log)
    return (value === undefined ? null : JSON.parse(JSON.stringify(value) ?? 'null')) as Json
  } catch (error) {
    const { name = '', message = String(error), stack = '' } = (error ?? {}) as Partial<Error>
    throw new BlockError('SCRIPT_ERROR', `the script failed: ${name === '' ? '' : `${name}: `}${message}`, {
      detail: { name, message, stack: stack.slice(0, 2_000) },
    })
  }
}, 'SCRIPT_ERROR')

async function run(code: string, args: TrustedCall['args'], lines: BlockLogLine[]): Promise<unknown> {
  const log = new ScriptLog()
  const source = globalThis as unknown as { readonly [name: string]: unknown }
  const given = Object.fromEntries([...GIVEN, ...GIVEN_TOO].map((name) => [name, source[name]]))
  const context = createContext({ ...given, require, console: consoleOf(log), ...args })
  try {
    return await compiled(code).runInContext(context)
  } finally {
    lines.push(...log.end())
  }
}

/** As a program, else as the body of a function. */
function compiled(code: string): Script {
  try {
    return new Script(code, { filename: 'script.js' })
  } catch (error) {
    try {
      return new Script(`(async function(){${code}\n})()`, { filename: 'script.js' })
    } catch {
      throw error
    }
  }
}

function consoleOf(log: ScriptLog): object {
  const at =
    (level: ConsoleLevel) =>
    (...values: unknown[]): void =>
      log.write(level, values.map(show).join(' '))
  return {
    debug: at('debug'),
    trace: at('debug'),
    log: at('info'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
  }
}

function show(value: unknown): string {
  if (typeof value === 'string') return value
  return value instanceof Error ? String(value) : (JSON.stringify(value) ?? String(value))
}
