/** A run for a person at a terminal. */
import type { AnswerOf, Api } from '../client/client.ts'

export type Run = AnswerOf<Api['getRun']>
type Step = Run['steps'][number]

export function runText(run: Run): string {
  const { steps } = run
  const width = Math.max(0, ...steps.map((step) => step.step_id.length))
  return [
    `${run.run_id}  ${run.flow} v${run.version}  ${run.status}${duration(run.accepted_at_ms, run.finished_at_ms)}`,
    ...errorLine('  ', run.error),
    ...steps.flatMap((step) => stepLines(step, width)),
    ...(run.output === null || run.output === undefined ? [] : [`  output ${JSON.stringify(run.output)}`]),
    `  as of ${run.as_of}`,
  ].join('\n')
}

function stepLines(step: Step, width: number): string[] {
  const attempts = step.attempt > 1 ? `, attempt ${step.attempt}` : ''
  const reason = step.reason !== null ? ` (${step.reason})` : ''
  const time = duration(step.started_at_ms, step.finished_at_ms)
  const head = `  ${step.step_id.padEnd(width)}  ${step.status}${reason}${attempts}${time}`
  return [head, ...errorLine(`    ${' '.repeat(width)}`, step.error)]
}

function errorLine(indent: string, error: Run['error']): string[] {
  return error === null ? [] : [`${indent}${error.code}: ${error.message}`]
}

function duration(from: number | null, to: number | null): string {
  return from !== null && to !== null ? ` in ${to - from} ms` : ''
}
