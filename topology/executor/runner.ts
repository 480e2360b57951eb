/**
 * Runs attempts and decides how each one ended.
 *
 * Invariants:
 *  R1  an attempt holds one slot from `start` to its one `ended`;
 *  R2  a timeout or cancel that came first wins over what the block does afterwards;
 *  R3  a block that outlives the abort grace loses its slot and is counted as orphan until it ends by itself.
 */

import type { BlockTable, PreparedBlock } from '../../processors/execute/block-table.ts'
import { isTooDeep } from '../../processors/execute/extent.ts'
import { failure, failureOf, inputInvalid, outputTooDeep } from '../../processors/execute/failure.ts'
import type { InputProblem } from '../../processors/execute/input-check.ts'
import { tracedAttempt } from '../../processors/traced.ts'
import { storedPayload } from '../../schemas/blob.ts'
import { ChurningSet } from '../../schemas/churning.ts'
import { type Json, type JsonText, parseJson, toJsonText } from '../../schemas/json.ts'
import type { AttemptFinished, AttemptStatus } from '../../schemas/records/result.ts'
import type { ErrorInfo } from '../../schemas/records/shared.ts'
import type { Pool } from '../../schemas/topics.ts'
import { blobsOfTenant, blockErrorOf } from '../blobs/block-blobs.ts'
import type { Payloads } from '../blobs/payloads.ts'
import type { Environment } from '../environment.ts'
import type { AttemptTracing } from '../tracing/port.ts'
import { type AbortCause, type Attempt, AttemptContext, type AttemptEnd, type BlockServices } from './attempt.ts'
import { Deadlines } from './deadlines.ts'
import type { ExecutorObserver } from './observer.ts'

export interface RunnerOptions {
  readonly environment: Environment
  readonly pool: Pool
  readonly blocks: BlockTable
  readonly workerId: string
  readonly outputLimitBytes: number
  readonly blobLimitBytes: number
  readonly payloads: Payloads | null
  readonly abortGraceMs: number
  readonly observer: ExecutorObserver
  /** Absent: nothing is traced, and blocks pass on what the run came with. */
  readonly tracing?: AttemptTracing
  /** A slot became free after `start` had returned. */
  readonly freed: () => void
}

/** Largest output within a record. */
const RECORD_OUTPUT_BYTES = 1 << 20

const ABORT_MESSAGES: { readonly [K in AbortCause]: string } = {
  timeout: 'the attempt ran into its timeout',
  cancel: 'the attempt was cancelled',
  shutdown: 'the executor gives the attempt up',
}

export class Runner {
  readonly #options: RunnerOptions
  readonly #deadlines: Deadlines<Attempt>
  readonly #running = new ChurningSet<Attempt>()
  readonly #services: BlockServices
  #orphans = 0
  #killed = false

  constructor(options: RunnerOptions) {
    this.#options = options
    this.#services = servicesOf(options)
    this.#deadlines = new Deadlines(options.environment, (attempt) => this.#expired(attempt))
  }

  get running(): number {
    return this.#running.size
  }

  get orphans(): number {
    return this.#orphans
  }

  start(attempt: Attempt): void {
    const { environment, observer, pool } = this.#options
    attempt.state = 'running'
    attempt.startedAtMs = environment.now()
    attempt.startedAt = environment.monotonic()
    this.#running.add(attempt)
    observer.started(pool, attempt.step.block)
    const prepared = this.#options.blocks.get(attempt.step.block)
    if (prepared === undefined) {
      const known = [...this.#options.blocks.keys()].sort().join(', ')
      const message = `this executor has no block '${attempt.step.block}'; it has ${known}`
      this.#end(attempt, 'error', null, failure('UNKNOWN_BLOCK', message))
      return
    }
    this.#run(attempt, prepared)
  }

  /** Ends a running attempt early. Its block has the abort grace to stop. */
  abort(attempt: Attempt, cause: AbortCause): void {
    if (attempt.state === 'aborting' && cause === 'shutdown') attempt.abortCause = cause
    if (attempt.state !== 'running') return
    attempt.state = 'aborting'
    attempt.abortCause = cause
    this.#deadlines.add(attempt, this.#options.environment.monotonic() + this.#options.abortGraceMs)
    attempt.context?.abort(new DOMException(ABORT_MESSAGES[cause], cause === 'timeout' ? 'TimeoutError' : 'AbortError'))
  }

  /** As a crash would: blocks are told to stop, and nothing is heard of any attempt again. */
  kill(): void {
    this.#killed = true
    this.#deadlines.clear()
    for (const attempt of this.#running) {
      attempt.state = 'ended'
      attempt.context?.abort(new DOMException(ABORT_MESSAGES.shutdown, 'AbortError'))
    }
    this.#running.clear()
  }

  #run(attempt: Attempt, prepared: PreparedBlock): void {
    let outcome: Promise<Json> | Json
    try {
      const { payloads } = this.#options
      const { tenant, input } = attempt.step
      if (payloads !== null && storedPayload(input) !== null) {
        const context = this.#giveContext(attempt)
        outcome = payloads
          .restored(tenant, input, context.signal)
          .then((text) => {
            context.signal.throwIfAborted()
            return this.#begin(attempt, prepared, text)
          })
          .catch((error: unknown) => Promise.reject(blockErrorOf(error, context.signal)))
      } else outcome = this.#begin(attempt, prepared, input)
    } catch (error) {
      this.#failed(attempt, prepared, error)
      return
    }
    if (!isThenable(outcome)) {
      this.#succeeded(attempt, prepared, outcome)
      return
    }
    if (attempt.state === 'running')
      this.#deadlines.add(attempt, attempt.startedAt + Math.max(1, attempt.step.timeoutMs))
    outcome.then(
      (output) => this.#settled(attempt, () => this.#succeeded(attempt, prepared, output)),
      (error: unknown) => this.#settled(attempt, () => this.#failed(attempt, prepared, error)),
    )
  }

  /** @throws {InputRefused} and what the block throws */
  #begin(attempt: Attempt, prepared: PreparedBlock, text: JsonText): Promise<Json> | Json {
    const input = parseJson(text)
    const problem = prepared.check(input)
    if (problem !== null) throw new InputRefused(problem)
    return prepared.block.run(attempt.context ?? this.#giveContext(attempt), input)
  }

  #giveContext(attempt: Attempt): AttemptContext {
    const { tracing } = this.#options
    const { step, key, source } = attempt
    const traceparent = tracing === undefined ? step.traceparent : tracing.traceparentOf(step, step.traceparent)
    attempt.context = new AttemptContext(step, key, source.timestampMs, traceparent, this.#services)
    return attempt.context
  }

  #settled(attempt: Attempt, decide: () => void): void {
    if (attempt.state === 'orphaned') {
      this.#orphans--
      attempt.state = 'ended'
      return
    }
    if (attempt.state === 'ended' || this.#killed) return
    decide()
    this.#options.freed()
  }

  #succeeded(attempt: Attempt, prepared: PreparedBlock, output: unknown): void {
    if (attempt.state === 'aborting') {
      this.#aborted(attempt)
      return
    }
    if (isTooDeep(output)) {
      this.#end(attempt, 'error', null, outputTooDeep())
      return
    }
    let text: JsonText
    try {
      text = toJsonText(output)
    } catch (error) {
      const message = `the block's output is not JSON: ${(error as Error).message}`
      this.#end(attempt, 'error', null, failure('INTERNAL_ERROR', message))
      return
    }
    const limit = this.#options.outputLimitBytes
    // a UTF-16 unit takes at most 3 bytes in UTF-8
    const sizeBytes = text.length * 3 <= limit ? 0 : Buffer.byteLength(text)
    if (sizeBytes <= limit) this.#store(attempt, prepared, text)
    else this.#end(attempt, 'error', null, outputTooLarge(sizeBytes, limit))
  }

  /** A large output is where it is to lie before the attempt's end is told; the attempt runs until then. */
  #store(attempt: Attempt, prepared: PreparedBlock, text: JsonText): void {
    const marked = this.#options.payloads?.mark(attempt.step.tenant, text) ?? null
    if (marked === null) {
      // one with very many references stays in its record, which no log takes at any size
      const sizeBytes = text.length * 3 <= RECORD_OUTPUT_BYTES ? 0 : Buffer.byteLength(text)
      if (sizeBytes <= RECORD_OUTPUT_BYTES) this.#end(attempt, 'success', text, null)
      else this.#end(attempt, 'error', null, outputTooLarge(sizeBytes, RECORD_OUTPUT_BYTES))
      return
    }
    // a block that has answered at once has no deadline yet; for the others it is the same again
    this.#deadlines.add(attempt, attempt.startedAt + Math.max(1, attempt.step.timeoutMs))
    marked.store().then(
      () => this.#settled(attempt, () => this.#stored(attempt, marked.mark)),
      (error: unknown) => this.#settled(attempt, () => this.#failed(attempt, prepared, blockErrorOf(error))),
    )
  }

  #stored(attempt: Attempt, mark: JsonText): void {
    if (attempt.state === 'aborting') this.#aborted(attempt)
    else this.#end(attempt, 'success', mark, null)
  }

  #failed(attempt: Attempt, prepared: PreparedBlock, error: unknown): void {
    if (attempt.state === 'aborting') this.#aborted(attempt)
    else if (error instanceof InputRefused) this.#end(attempt, 'error', null, inputInvalid(error.problem))
    else this.#end(attempt, 'error', null, failureOf(error, prepared))
  }

  /** The block of an aborted attempt ended, or its grace did. */
  #aborted(attempt: Attempt): void {
    if (attempt.abortCause === 'timeout') {
      const message = `the attempt ran longer than ${attempt.step.timeoutMs} ms`
      this.#end(attempt, 'timeout', null, failure('TIMEOUT', message))
      return
    }
    this.#release(attempt, 'cancelled', null)
    attempt.owner.ended(attempt, { kind: attempt.abortCause === 'cancel' ? 'dropped' : 'abandoned' })
  }

  #end(attempt: Attempt, status: AttemptStatus, output: JsonText | null, error: ErrorInfo | null): void {
    this.#release(attempt, status, error)
    const { runId, stepId, attempt: number } = attempt.step
    const result: AttemptFinished = {
      kind: 'AttemptFinished',
      runId,
      stepId,
      attempt: number,
      status,
      output,
      error,
      workerId: this.#options.workerId,
      startedAtMs: attempt.startedAtMs,
      finishedAtMs: this.#options.environment.now(),
    }
    const end: AttemptEnd = { kind: 'report', result }
    attempt.owner.ended(attempt, end)
  }

  #release(attempt: Attempt, status: AttemptStatus, error: ErrorInfo | null): void {
    const { environment, observer, pool } = this.#options
    this.#deadlines.remove(attempt)
    this.#running.delete(attempt)
    attempt.state = 'ended'
    observer.finished({
      pool,
      block: attempt.step.block,
      tenant: attempt.step.tenant,
      status,
      errorCode: error?.code ?? null,
      durationMs: environment.monotonic() - attempt.startedAt,
      waitedMs: Math.max(0, attempt.startedAtMs - attempt.source.timestampMs),
    })
    // what is given up is run by another executor, which tells of it
    if (this.#options.tracing !== undefined && attempt.abortCause !== 'shutdown') this.#trace(attempt, status, error)
  }

  #trace({ step, startedAtMs, startedAt, source }: Attempt, status: AttemptStatus, error: ErrorInfo | null): void {
    const { environment, pool, workerId, tracing } = this.#options
    const { stepId, attempt, block } = step
    const endedAtMs = startedAtMs + (environment.monotonic() - startedAt)
    const waitedMs = Math.max(0, startedAtMs - source.timestampMs)
    const errorCode = error?.code ?? null
    tracing?.attempt(
      tracedAttempt(step, {
        stepId,
        attempt,
        block,
        pool,
        status,
        errorCode,
        workerId,
        startedAtMs,
        endedAtMs,
        waitedMs,
      }),
    )
  }

  #expired(attempt: Attempt): void {
    if (attempt.state === 'running') {
      this.abort(attempt, 'timeout')
      return
    }
    this.#aborted(attempt)
    attempt.state = 'orphaned'
    this.#orphans++
    this.#options.observer.orphaned(this.#options.pool, attempt.step)
    this.#options.freed()
  }
}

function servicesOf({ observer, payloads, blobLimitBytes }: RunnerOptions): BlockServices {
  const { logged, progressed } = observer
  if (payloads === null) return { logged, progressed }
  return { logged, progressed, blobsOf: (tenant) => blobsOfTenant(payloads.store, tenant, blobLimitBytes) }
}

/** The input does not match the block's schema. */
class InputRefused extends Error {
  readonly problem: InputProblem
  constructor(problem: InputProblem) {
    super('the input does not match the schema of its block')
    this.problem = problem
  }
}

function outputTooLarge(sizeBytes: number, limitBytes: number): ErrorInfo {
  const message = `the output has ${sizeBytes} bytes; expected at most ${limitBytes}`
  return failure('OUTPUT_TOO_LARGE', message, { sizeBytes, limitBytes })
}

function isThenable(value: unknown): value is Promise<Json> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}
