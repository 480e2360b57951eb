/** What clients were told, beside what the log knows. */
import type { Findings } from './findings.ts'
import type { ClientLine } from './formats.ts'
import type { VerifyReport } from './report.ts'
import type { Runs } from './runs.ts'

export class ClientChecks {
  readonly #findings: Findings
  readonly #acknowledged = new Set<string>()
  /** Run ids that were answered, by `tenant/idempotency key`. */
  readonly #answers = new Map<string, Set<string>>()
  #lines = 0
  #missing = 0

  constructor(findings: Findings) {
    this.#findings = findings
  }

  add(line: ClientLine): void {
    this.#lines += 1
    if (line.op !== 'submit' || !line.accepted) return
    this.#acknowledged.add(line.run_id)
    if (line.idempotency_key === undefined) return
    const key = `${line.tenant ?? 'default'}/${line.idempotency_key}`
    const answers = this.#answers.get(key) ?? new Set()
    answers.add(line.run_id)
    this.#answers.set(key, answers)
    if (answers.size > 1) {
      const message = `clients were given runs ${[...answers].join(', ')}`
      this.#findings.add('idempotency_answers_differ', `key ${key}`, message)
    }
  }

  /** @param conclusive whether every run that will ever be on `events` is there */
  finish(runs: Runs, conclusive: boolean): void {
    for (const runId of this.#acknowledged) {
      if (runs.byId.has(runId)) continue
      this.#missing += 1
      if (conclusive) this.#findings.add('acknowledged_run_missing', `run ${runId}`, 'a client was told it is accepted')
    }
    if (this.#missing > 0 && !conclusive) {
      this.#findings.note(
        `${this.#missing} acknowledged runs are not on the log, and it cannot be told whether they should be`,
      )
    }
  }

  counts(): VerifyReport['client'] {
    return { lines: this.#lines, acknowledged: this.#acknowledged.size, missing: this.#missing }
  }
}
