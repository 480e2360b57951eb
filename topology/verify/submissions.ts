/** Every submission below a committed position became something. */
import { homeOf, isRunId } from '../../schemas/ids.ts'
import type { SubmitRun } from '../../schemas/records/ingest.ts'
import type { Findings } from './findings.ts'
import type { Letters } from './letters.ts'
import type { Runs } from './runs.ts'

interface Submission {
  readonly partition: number
  readonly offset: number
  readonly runId: string | null
  readonly key: string | null
  /** What is the same in the copy that is sent to the run's home. */
  readonly body: string
  readonly correlation: string | null
  readonly processed: boolean
}

export class Submissions {
  /** Answers on `replies`. */
  readonly answered = new Set<string>()
  readonly #all: Submission[] = []
  /** Partitions in which a submission of the run or body lies. */
  readonly #places = new Map<string, Set<number>>()

  add(record: SubmitRun, partition: number, offset: number, processed: boolean): void {
    const body = `${record.tenant}/${record.flow}/${record.version}/${record.submittedAtMs}/${record.input}/${record.idempotencyKey}`
    const key = record.idempotencyKey === null ? null : `${record.tenant}/${record.idempotencyKey}`
    const correlation = record.replyTo === null ? null : `${record.replyTo.partition}/${record.replyTo.correlation}`
    this.#all.push({ partition, offset, runId: record.runId, key, body, correlation, processed })
    for (const place of [record.runId, body]) {
      if (place === null) continue
      const places = this.#places.get(place) ?? new Set()
      places.add(partition)
      this.#places.set(place, places)
    }
  }

  finish(findings: Findings, runs: Runs, letters: Letters, partitions: number): void {
    for (const submission of this.#all) {
      if (!submission.processed || this.#isAccountedFor(submission, runs, letters, partitions)) continue
      const { partition, offset, runId } = submission
      const message = `run ${runId ?? 'without id'}: no run, refusal, letter, forwarded copy or answer came of it`
      findings.add('submission_unaccounted', `ingest ${partition}:${offset}`, message)
    }
  }

  #isAccountedFor(submission: Submission, runs: Runs, letters: Letters, partitions: number): boolean {
    const { partition, offset, runId, key, body, correlation } = submission
    if (runId !== null && runs.byId.has(runId)) return true
    if (key !== null && runs.byKey.has(key)) return true
    if (correlation !== null && this.answered.has(correlation)) return true
    if (letters.sources.has(`ingest/${partition}/${offset}`)) return true
    const places = this.#places.get(runId ?? body)
    if (runId === null) return runs.causes.has(`${partition}/ingest/${offset}`) || places!.size > 1
    return isRunId(runId) && homeOf(runId, partitions) !== partition && places!.has(homeOf(runId, partitions))
  }
}
