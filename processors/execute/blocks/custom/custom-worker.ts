/** The program of a custom block's threads: loads the module, says what it declares, runs its calls. */
import { pathToFileURL } from 'node:url'
import { parentPort, workerData } from 'node:worker_threads'
import type { Json } from '../../../../schemas/json.ts'
import { MAX_LINE_CHARS, MAX_LINES } from '../cpu/script/script-log.ts'
import { blobQuestions } from './ask-blobs.ts'
import type { CustomBlock, CustomContext } from './declaration.ts'
import type { CustomSetup, FromThread, ToThread } from './protocol.ts'

const MAX_MESSAGE_CHARS = 4_096
const MAX_OUTPUT_CHARS = 4 << 20

class Failure extends Error {
  readonly code: string
  readonly detail: Json
  constructor(code: string, message: string, detail: Json) {
    super(message)
    this.code = code
    this.detail = detail
  }
}

const port = parentPort
if (port === null) throw new TypeError('this file runs as a worker thread only')
const tell = (message: FromThread): void => port.postMessage(message)
const running = new Map<number, AbortController>()
const questions = blobQuestions(
  (question, given) => port.postMessage(question, given),
  (code, message) => new Failure(code, message, null),
)

const block = await load((workerData as CustomSetup).file)
if (block !== null) {
  port.on('message', (message: ToThread) => {
    if (message.kind === 'call') void call(block, message)
    else if (message.kind === 'blob') questions.answered(message)
    else running.get(message.id)?.abort(new DOMException(message.reason, 'AbortError'))
  })
}

async function load(file: string): Promise<CustomBlock | null> {
  try {
    const module = (await import(pathToFileURL(file).href)) as { readonly default?: unknown }
    const found = module.default
    if (typeof found !== 'object' || found === null) {
      throw new TypeError(`it exports ${found === undefined ? 'no default' : `a ${typeof found}`}; expected an object`)
    }
    const { run, ...declaration } = found as CustomBlock
    if (typeof run !== 'function') throw new TypeError(`its 'run' is ${typeof run}; expected a function`)
    tell({ kind: 'declared', declaration: JSON.parse(JSON.stringify(declaration)) as Json })
    return found as CustomBlock
  } catch (error) {
    tell({ kind: 'unusable', reason: messageOf(error) })
    return null
  }
}

async function call(block: CustomBlock, { id, input, context }: ToThread & { readonly kind: 'call' }): Promise<void> {
  const controller = new AbortController()
  running.set(id, controller)
  try {
    const { signal } = controller
    const blobs = questions.blobsOf(id, signal)
    const output = await block.run({ ...context, ...outlets(id), blobs, input, signal })
    const text = JSON.stringify(output) ?? 'null'
    if (text.length > MAX_OUTPUT_CHARS) {
      throw new Failure('OUTPUT_TOO_LARGE', `the output has ${text.length} characters as JSON`, null)
    }
    tell({ kind: 'done', id, output: text })
  } catch (error) {
    tell(failureOf(id, error))
  } finally {
    running.delete(id)
  }
}

function outlets(id: number): Pick<CustomContext, 'log' | 'progress' | 'fail'> {
  let lines = 0
  return {
    log: (level, message) => {
      if (++lines > MAX_LINES) return
      tell({ kind: 'log', id, line: { level, message: String(message).slice(0, MAX_LINE_CHARS) } })
    },
    progress: (value) => tell({ kind: 'progress', id, value: JSON.parse(JSON.stringify(value) ?? 'null') as Json }),
    fail: (code, message, detail = null) => {
      throw new Failure(code, message, detail)
    },
  }
}

function failureOf(id: number, error: unknown): FromThread {
  const { code, detail } = (typeof error === 'object' && error !== null ? error : {}) as Partial<Failure>
  const shown = toJson(detail)
  return { kind: 'failed', id, code: typeof code === 'string' ? code : null, message: messageOf(error), detail: shown }
}

function toJson(value: unknown): Json {
  try {
    return JSON.parse(JSON.stringify(value) ?? 'null') as Json
  } catch {
    return null
  }
}

function messageOf(error: unknown): string {
  try {
    return (error instanceof Error ? error.message : String(error)).slice(0, MAX_MESSAGE_CHARS)
  } catch {
    return 'something that has no text form was thrown'
  }
}
