/**
 * Decisions per second on one core, without a log: runs of three echo steps, brought forward phase by phase so that each processor is timed alone. A
 * decision includes the encoding of what it emits; the encoding of changed rows is timed on its own.
 */
import { parseArgs } from 'node:util'
import { parseJson, toJsonText } from '../../schemas/json.ts'
import type { RecordOfKind } from '../../schemas/records/index.ts'
import type { TaskTopic } from '../../schemas/topics.ts'
import type { LogRecord, OutRecord } from '../../topology/log/port.ts'
import { payloadOf } from '../measure/driver.ts'
import { progress } from './child.ts'
import { echoChain } from './flow-documents.ts'
import { OfflineTask, START_MS } from './offline-task.ts'

const BATCH = 200

class Stopwatch {
  readonly counts = new Map<string, number>()
  readonly #ms = new Map<string, number>()

  time<T>(what: string, count: number, work: () => T): T {
    const began = performance.now()
    const result = work()
    this.#ms.set(what, (this.#ms.get(what) ?? 0) + performance.now() - began)
    this.counts.set(what, (this.counts.get(what) ?? 0) + count)
    return result
  }

  perSecond(): { readonly [what: string]: number } {
    return Object.fromEntries(
      [...this.counts].map(([what, count]) => [what, Math.round((count / this.#ms.get(what)!) * 1000)]),
    )
  }
}

/** Brings a batch of runs from submission to end. */
function runBatch(task: OfflineTask, watch: Stopwatch, first: number): number {
  let ended = 0
  const submissions = Array.from({ length: BATCH }, (_, index) =>
    task.arriving('ingest', task.submission('echo-3', toJsonText(payloadOf(1024, first + index)))),
  )
  let arrived: readonly LogRecord[] = submissions
  while (arrived.length > 0) {
    const topic = arrived[0]!.topic
    watch.time(topic, arrived.length, () => {
      for (const record of arrived) task.decide(record)
    })
    const emitted = task.takeEmitted()
    const changed = watch.time('rows', 0, () => task.takeChangelog())
    watch.counts.set('rows', (watch.counts.get('rows') ?? 0) + changed.length)
    ended += emitted.filter((record) => record.message?.kind === 'RunCompleted').length
    pending.push(...emitted.flatMap((record) => next(task, record)))
    arrived = takeTopic(pending)
  }
  return ended
}

const pending: LogRecord[] = []

/** What the emitted record leads to: records of the task's own topics arrive, steps are executed at once, the rest leaves the task. */
function next(task: OfflineTask, record: OutRecord): readonly LogRecord[] {
  const message = record.message!
  if (message.kind === 'ExecuteStep') return [task.arriving('result', finished(message))]
  const own: readonly string[] = ['result', 'route', 'dlq', 'ingest']
  return own.includes(record.topic) ? [task.arriving(record.topic as TaskTopic, message, record.value)] : []
}

function finished(step: RecordOfKind<'ExecuteStep'>): RecordOfKind<'AttemptFinished'> {
  return {
    kind: 'AttemptFinished',
    runId: step.runId,
    stepId: step.stepId,
    attempt: step.attempt,
    status: 'success',
    output: toJsonText(parseJson(step.input)),
    error: null,
    workerId: 'worker',
    startedAtMs: START_MS,
    finishedAtMs: START_MS,
  }
}

/** Takes all records of the topic that the first one is of. */
function takeTopic(records: LogRecord[]): readonly LogRecord[] {
  const topic = records[0]?.topic
  const taken = records.filter((record) => record.topic === topic)
  const left = records.filter((record) => record.topic !== topic)
  records.length = 0
  records.push(...left)
  return taken
}

function main(): void {
  const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false }, rounds: { type: 'string' } } })
  const batches = values.quick ? 50 : 400
  const task = new OfflineTask(0, 4)
  task.publish('echo-3', echoChain('echo-3', 3))
  task.addWorker('io', 1000)
  task.takeEmitted()
  task.takeChangelog()
  const run = (watch: Stopwatch, count: number): number => {
    let ended = 0
    for (let batch = 0; batch < count; batch++) ended += runBatch(task, watch, batch * BATCH)
    return ended
  }
  run(new Stopwatch(), Math.ceil(batches / 5))
  const watch = new Stopwatch()
  const ended = run(watch, batches)
  if (ended !== batches * BATCH) throw new Error(`${ended} runs ended; expected ${batches * BATCH}`)
  const { rows, ...decisions } = watch.perSecond()
  progress(
    `  per second: route ${decisions.route}, result ${decisions.result}, ingest ${decisions.ingest}; ${rows} rows encoded`,
  )
  const perRun = Object.fromEntries([...watch.counts].map(([what, count]) => [what, count / ended]))
  console.log(JSON.stringify({ runs: ended, decisions_per_s: decisions, rows_encoded_per_s: rows, per_run: perRun }))
}

main()
