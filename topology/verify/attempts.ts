/** Attempts as the execute and result topics show them, beside what the events say, and beside what happened outside. */
import type { CancelStep, ExecuteStep } from '../../schemas/records/execute.ts'
import type { AttemptFinished } from '../../schemas/records/result.ts'
import type { Findings } from './findings.ts'
import type { LedgerLine } from './formats.ts'
import type { VerifyReport } from './report.ts'
import type { Runs } from './runs.ts'

/** Which topics are there from their first record on. */
export interface Whole {
  readonly execute: boolean
  readonly result: boolean
  readonly events: boolean
}

const LEDGER_KEY = /^[^/]+\/([^/]+\/.+\/[1-9][0-9]*)$/

export class Attempts {
  readonly #findings: Findings
  /** By `run/step/attempt`. */
  readonly #assigned = new Map<string, { readonly tenant: string; readonly block: string }>()
  readonly #finished = new Map<string, { success: boolean; processed: boolean; readonly where: string }>()
  /** Attempts of which every copy lies below its pool's position, with the place of one. */
  readonly #passed = new Map<string, string>()
  /** Attempts of which a copy is still to be looked at, or that were called off. */
  readonly #excused = new Set<string>()
  readonly #effects = new Map<string, number>()
  #lines = 0
  #unknown = 0

  constructor(findings: Findings) {
    this.#findings = findings
  }

  assigned(record: ExecuteStep, where: string, processed: boolean): void {
    const key = `${record.runId}/${record.stepId}/${record.attempt}`
    // what an executor carries forward is the same attempt again
    if (record.carried === 0 && this.#assigned.has(key)) {
      this.#findings.add('attempt_assigned_twice', where, `attempt ${key} was handed out before`)
    }
    this.#assigned.set(key, { tenant: record.tenant, block: record.block })
    if (processed) this.#passed.set(key, where)
    else this.#excused.add(key)
  }

  calledOff(record: CancelStep): void {
    this.#excused.add(`${record.runId}/${record.stepId}/${record.attempt}`)
  }

  finished(record: AttemptFinished, where: string, processed: boolean): void {
    const key = `${record.runId}/${record.stepId}/${record.attempt}`
    const known = this.#finished.get(key)
    const success = record.status === 'success'
    if (known === undefined) this.#finished.set(key, { success, processed, where })
    else {
      known.success ||= success
      known.processed ||= processed
    }
  }

  effect(line: LedgerLine): void {
    this.#lines += 1
    this.#effects.set(line.key, (this.#effects.get(line.key) ?? 0) + 1)
  }

  finish(runs: Runs, whole: Whole, effectBlocks: readonly string[]): void {
    this.#checkEvents(runs, whole)
    if (whole.events) this.#checkResults(runs)
    for (const [key, where] of whole.result ? this.#passed : []) {
      if (this.#finished.has(key) || this.#excused.has(key)) continue
      this.#findings.add(
        'step_unaccounted',
        where,
        `attempt ${key} counts as finished and was neither reported nor called off`,
      )
    }
    this.#checkEffects(runs, whole, new Set(effectBlocks))
  }

  #checkEvents(runs: Runs, whole: Whole): void {
    for (const key of whole.execute ? runs.startedAttempts : []) {
      if (this.#assigned.has(key)) continue
      this.#findings.add('attempt_without_assignment', `attempt ${key}`, 'it has a StepStarted and no ExecuteStep')
    }
    for (const [key, { byWorker }] of whole.result ? runs.completedAttempts : []) {
      if (!byWorker || this.#finished.get(key)?.success) continue
      this.#findings.add('completed_without_result', `attempt ${key}`, 'it completed and no executor reported success')
    }
  }

  /** A result that was taken in ended its attempt, unless something else had done so before. */
  #checkResults(runs: Runs): void {
    for (const [key, { processed, where }] of this.#finished) {
      if (!processed) continue
      const [runId, stepId, attempt] = splitKey(key)
      const step = runs.byId.get(runId)?.steps.get(stepId)
      if (step?.phase === 'running' && step.attempt === attempt) {
        this.#findings.add('result_not_applied', where, `attempt ${key} still runs although its result was taken in`)
      }
    }
  }

  #checkEffects(runs: Runs, whole: Whole, blocks: ReadonlySet<string>): void {
    const seen = new Set<string>()
    for (const key of this.#effects.keys()) {
      const inner = LEDGER_KEY.exec(key)?.[1]
      if (inner === undefined) {
        this.#findings.add('effect_key_malformed', `ledger key '${key}'`, 'expected tenant/run/step/attempt')
        continue
      }
      seen.add(inner)
      const assigned = this.#assigned.get(inner)
      if (assigned !== undefined && key === `${assigned.tenant}/${inner}`) continue
      this.#unknown += this.#effects.get(key)!
      if (whole.execute)
        this.#findings.add('effect_without_attempt', `ledger key '${key}'`, 'no such attempt was handed out')
    }
    for (const key of runs.completedAttempts.keys()) {
      const block = this.#assigned.get(key)?.block
      if (block === undefined || !blocks.has(block) || seen.has(key)) continue
      this.#findings.add('effect_missing', `attempt ${key}`, `a completed '${block}' step left nothing in the ledger`)
    }
  }

  effects(): VerifyReport['effects'] {
    const keys = this.#effects.size
    return { lines: this.#lines, keys, repeated: this.#lines - keys, unknown: this.#unknown }
  }
}

function splitKey(key: string): [runId: string, stepId: string, attempt: number] {
  const [runId, stepId, attempt] = key.split('/')
  return [runId!, stepId!, Number(attempt)]
}
