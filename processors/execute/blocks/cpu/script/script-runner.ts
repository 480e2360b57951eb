/**
 * Runs scripts in QuickJS, compiled to WebAssembly: a language without input or output, a clock that stands still, random numbers from a seed.
 *
 * Every call has a runtime of its own. The memory below all of them is given up and made anew when it has grown, and when anything happened that
 * QuickJS did not foresee, such as an end of the machine's own stack.
 */
import { createHash } from 'node:crypto'
import {
  newQuickJSWASMModule,
  newVariant,
  type QuickJSContext,
  type QuickJSHandle,
  type QuickJSRuntime,
  type QuickJSWASMModule,
  RELEASE_SYNC,
} from 'quickjs-emscripten'
import { BlockError } from '../../../block.ts'
import { isTextTooDeep } from '../../../extent.ts'
import type { Answer } from '../../workers/serve.ts'
import { setClock, stopClock } from './fixed-clock-thread.ts'
import { MemoryCap } from './memory-cap.ts'
import type { ScriptCall } from './script-call.ts'
import {
  describeThrown,
  interruptedError,
  limitOf,
  limitReached,
  scriptError,
  unsettledError,
} from './script-errors.ts'
import { CONSOLE_SOURCE, type ConsoleLevel, ScriptLog } from './script-log.ts'
import { evaluate } from './script-source.ts'

export interface ScriptRunner {
  /** To be awaited before each call of {@link ScriptRunner.run}; `null`: nothing has to be done. */
  prepare(): Promise<void> | null
  run(call: ScriptCall, interrupted: () => boolean): Answer
}

/** What a sandbox may keep between calls. */
const MAX_KEPT_BYTES = 32 << 20
/** For reading the error of a script that has used its memory up. */
const ERROR_ROOM_BYTES = 1 << 20
/** What a sandbox says when it gives up would be on the engine's own standard error; the step's error tells it too. Known to Emscripten, if not to the package's types. */
const SILENT = { print: () => undefined, printErr: () => undefined } as object
const JOBS_AT_ONCE = 1_000
const ARGS_SOURCE = `((text) => {
  const args = JSON.parse(text)
  for (const name of Object.keys(args)) {
    Object.defineProperty(globalThis, name, { value: args[name], writable: true, enumerable: true, configurable: true })
  }
})`

export function scriptRunner(): ScriptRunner {
  stopClock()
  const variant = newVariant(RELEASE_SYNC, { emscriptenModule: SILENT })
  let quickjs: QuickJSWASMModule | null = null
  return {
    prepare() {
      if (quickjs !== null) return null
      return newQuickJSWASMModule(variant).then((module) => {
        quickjs = module
      })
    },
    run(call, interrupted) {
      const log = new ScriptLog()
      const sandbox = quickjs!
      // until the call has come to an end that QuickJS knows of
      quickjs = null
      let output: string | BlockError
      try {
        output = runIn(sandbox, call, interrupted, log)
        if (sandbox.getWasmMemory().buffer.byteLength <= MAX_KEPT_BYTES) quickjs = sandbox
      } catch (error) {
        output = brokenBy(error, call, interrupted)
      }
      return { output, log: log.end() }
    },
  }
}

/** The machine's stack has ended, or QuickJS gave up in the middle of something. */
function brokenBy(error: unknown, { limits }: ScriptCall, interrupted: () => boolean): BlockError {
  if (interrupted()) return interruptedError()
  if (error instanceof RangeError) return limitReached('stack', limits)
  return new BlockError('SCRIPT_LIMIT', `the script broke its sandbox: ${(error as Error).message}`)
}

function runIn(
  module: QuickJSWASMModule,
  call: ScriptCall,
  interrupted: () => boolean,
  log: ScriptLog,
): string | BlockError {
  const memory = new MemoryCap(module.getWasmMemory(), call.limits.memoryMb << 20)
  setClock(seedOf(call.seed))
  const runtime = module.newRuntime({ interruptHandler: interrupted })
  runtime.setMaxStackSize(call.limits.stackKb << 10)
  const context = runtime.newContext()
  setClock(call.nowMs)
  const output = settle({ context, runtime, call, log, interrupted }, (error) => {
    const isFull = memory.isFull
    memory.allow(ERROR_ROOM_BYTES)
    const thrown = describeThrown(context, error)
    if (interrupted()) return interruptedError()
    // there was no room for an error
    const limit = isFull && thrown.message === 'null' ? 'memory' : limitOf(thrown)
    return limit === null ? scriptError(thrown) : limitReached(limit, call.limits)
  })
  context.dispose()
  runtime.dispose()
  return output
}

/** The seed is taken from the clock: 48 bits as milliseconds. */
function seedOf(text: string): number {
  return createHash('sha256').update(text).digest().readUIntBE(0, 6)
}

type Refuse = (error: QuickJSHandle) => BlockError

interface Running {
  readonly context: QuickJSContext
  readonly runtime: QuickJSRuntime
  readonly call: ScriptCall
  readonly log: ScriptLog
  readonly interrupted: () => boolean
}

function settle({ context, runtime, call, log, interrupted }: Running, refuse: Refuse): string | BlockError {
  // taken before the script can put something else in its place
  using stringify = primordial(context, 'JSON', 'stringify')
  const refused = furnish(context, call, log, refuse)
  if (refused !== null) return refused
  const { result, isBoxed } = evaluate(context, call.code)
  if (result.error !== undefined) {
    using error = result.error
    return refuse(error)
  }
  using value = result.value
  const failed = finishJobs(runtime, interrupted, refuse)
  if (failed !== null) return failed
  const outer = settledValue(context, value, refuse)
  if (outer instanceof BlockError) return outer
  using first = outer
  if (!isBoxed) return resultText(context, stringify, first, call, refuse)
  using member = context.getProp(first, 'value')
  const inner = settledValue(context, member, refuse)
  if (inner instanceof BlockError) return inner
  using second = inner
  return resultText(context, stringify, second, call, refuse)
}

function primordial(context: QuickJSContext, object: string, name: string): QuickJSHandle {
  using holder = context.getProp(context.global, object)
  return context.getProp(holder, name)
}

/** Gives the script its arguments and its console. */
function furnish(context: QuickJSContext, call: ScriptCall, log: ScriptLog, refuse: Refuse): BlockError | null {
  using emit = context.newFunction('emit', (level, text) => {
    log.write(context.getString(level) as ConsoleLevel, context.getString(text))
  })
  using args = context.newString(JSON.stringify(call.args))
  return (
    callSource(context, CONSOLE_SOURCE, emit, refuse) ??
    (Object.keys(call.args).length === 0 ? null : callSource(context, ARGS_SOURCE, args, refuse))
  )
}

function callSource(context: QuickJSContext, source: string, arg: QuickJSHandle, refuse: Refuse): BlockError | null {
  using fn = context.unwrapResult(context.evalCode(source, 'beamline.js'))
  const called = context.callFunction(fn, context.undefined, arg)
  using handle = called.error ?? called.value
  return called.error === undefined ? null : refuse(handle)
}

/** Runs what promises wait for, until there is nothing left or it is interrupted. */
function finishJobs(runtime: QuickJSRuntime, interrupted: () => boolean, refuse: Refuse): BlockError | null {
  for (;;) {
    if (interrupted()) return interruptedError()
    const ran = runtime.executePendingJobs(JOBS_AT_ONCE)
    if (ran.error !== undefined) {
      using error = ran.error
      return refuse(error)
    }
    if (ran.value === 0) return null
  }
}

/** What a promise was settled with, or the value itself. */
function settledValue(context: QuickJSContext, value: QuickJSHandle, refuse: Refuse): QuickJSHandle | BlockError {
  const state = context.getPromiseState(value)
  switch (state.type) {
    case 'pending':
      return unsettledError()
    case 'rejected': {
      using error = state.error
      return refuse(error)
    }
    case 'fulfilled':
      return state.notAPromise === true ? value.dup() : state.value
  }
}

function resultText(
  context: QuickJSContext,
  stringify: QuickJSHandle,
  value: QuickJSHandle,
  { limits }: ScriptCall,
  refuse: Refuse,
): string | BlockError {
  const called = context.callFunction(stringify, context.undefined, value)
  using handle = called.error ?? called.value
  if (called.error !== undefined) return refuse(handle)
  // functions and the like are as undefined is
  if (context.typeof(handle) !== 'string') return 'null'
  using length = context.getProp(handle, 'length')
  const chars = context.getNumber(length)
  if (chars > limits.outputChars) {
    const message = `the output has ${chars} characters as JSON; expected at most ${limits.outputChars}`
    return new BlockError('OUTPUT_TOO_LARGE', message, { detail: { chars, limit: limits.outputChars } })
  }
  const text = context.getString(handle)
  return isTextTooDeep(text) ? limitReached('depth', limits) : text
}
