/** How a script can end badly. */
import type { QuickJSContext, QuickJSHandle } from 'quickjs-emscripten'
import { BlockError } from '../../../block.ts'
import { MAX_DEPTH } from '../../../extent.ts'
import type { ScriptLimits } from './script-call.ts'

const MAX_MESSAGE_CHARS = 1_000
const MAX_STACK_CHARS = 2_000

interface Thrown {
  readonly name: string
  readonly message: string
  readonly stack: string
}

/** What was thrown, without trusting it: each part is read as a text and clipped. */
export function describeThrown(context: QuickJSContext, handle: QuickJSHandle): Thrown {
  if (context.typeof(handle) !== 'object' || context.sameValue(handle, context.null)) {
    return { name: '', message: textOf(context, handle), stack: '' }
  }
  return {
    name: partOf(context, handle, 'name', MAX_MESSAGE_CHARS),
    message: partOf(context, handle, 'message', MAX_MESSAGE_CHARS),
    stack: partOf(context, handle, 'stack', MAX_STACK_CHARS),
  }
}

function partOf(context: QuickJSContext, handle: QuickJSHandle, name: string, maxChars: number): string {
  try {
    using part = context.getProp(handle, name)
    return context.typeof(part) === 'string' ? textOf(context, part, maxChars) : ''
  } catch {
    return ''
  }
}

/** At most so many characters of a text; how long it is, is asked before it is copied. */
function textOf(context: QuickJSContext, handle: QuickJSHandle, maxChars = MAX_MESSAGE_CHARS): string {
  const type = context.typeof(handle)
  if (type === 'symbol' || type === 'function') return `a ${type}`
  if (type === 'string') {
    using length = context.getProp(handle, 'length')
    const chars = context.getNumber(length)
    if (chars > 1 << 20) return `a text of ${chars} characters`
  }
  const text = context.getString(handle)
  return text.length > maxChars ? `${text.slice(0, maxChars)}…` : text
}

export function scriptError({ name, message, stack }: Thrown): BlockError {
  const what = [name, message].filter((part) => part !== '').join(': ') || 'something without a message'
  return new BlockError('SCRIPT_ERROR', `the script failed: ${what}`, { detail: { name, message, stack } })
}

/** The sandbox's own errors for what it ran out of; `null` for any other. */
export function limitOf({ name, message }: Thrown): 'memory' | 'stack' | null {
  if (name === 'SyntaxError') return message === 'stack overflow' ? 'stack' : null
  if (name !== 'InternalError') return null
  if (message === 'out of memory' || message === 'string too long') return 'memory'
  return message === 'stack overflow' ? 'stack' : null
}

export function limitReached(limit: 'memory' | 'stack' | 'depth', limits: ScriptLimits): BlockError {
  const allowed = {
    memory: `needs more than ${limits.memoryMb} MiB of memory`,
    stack: `calls itself too deeply: it needs more than ${limits.stackKb} KiB of stack`,
    depth: `returns a value that is nested more than ${MAX_DEPTH} deep`,
  }
  return new BlockError('SCRIPT_LIMIT', `the script ${allowed[limit]}`, { detail: { limit } })
}

export function interruptedError(): BlockError {
  return new BlockError('TIMEOUT', 'the script was interrupted')
}

export function unsettledError(): BlockError {
  const message = 'the script returned a promise that nothing can settle any more'
  return new BlockError('SCRIPT_UNSETTLED', message)
}
