/** A run for a person at a terminal. */
import type { AnswerOf, Api } from '../client/client.ts'
import { clean, type Look, lengthText, paint, paintOf } from './look.ts'

export type Run = AnswerOf<Api['getRun']>
export type RunStep = Run['steps'][number]

export function runText(look: Look, run: Run): string {
  const { steps } = run
  const width = Math.max(0, ...steps.map((step) => step.step_id.length))
  const status = paint(look, paintOf(run.status), run.status)
  const reason = run.cancel_reason === null ? '' : ` (${clean(run.cancel_reason)})`
  return [
    `${run.run_id}  ${clean(run.flow)} v${run.version}  ${status}${reason}${duration(run.accepted_at_ms, run.finished_at_ms)}`,
    ...errorLine('  ', run.error),
    ...steps.flatMap((step) => stepLines(look, step, width)),
    ...(run.output === null || run.output === undefined ? [] : [`  output ${clean(JSON.stringify(run.output))}`]),
    ...(run.letter_id === null ? [] : [`  dead letter ${clean(run.letter_id)}`]),
    `  as of ${run.as_of}`,
  ].join('\n')
}

function stepLines(look: Look, step: RunStep, width: number): string[] {
  const attempts = step.attempt > 1 ? `, attempt ${step.attempt}` : ''
  const reason = step.reason !== null ? ` (${clean(step.reason)})` : ''
  const time = duration(step.started_at_ms, step.finished_at_ms)
  const status = paint(look, paintOf(step.status), step.status)
  const head = `  ${clean(step.step_id).padEnd(width)}  ${status}${reason}${attempts}${time}`
  return [head, ...errorLine(`    ${' '.repeat(width)}`, step.error)]
}

function errorLine(indent: string, error: Run['error']): string[] {
  return error === null ? [] : [`${indent}${clean(error.code)}: ${clean(error.message)}`]
}

function duration(from: number | null, to: number | null): string {
  return from !== null && to !== null ? ` in ${lengthText(to - from)}` : ''
}
