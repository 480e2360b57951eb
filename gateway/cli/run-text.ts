/** A run for a person at a terminal. */
import type { Answer } from './api.ts'

interface ShownError {
  readonly code?: string
  readonly message?: string
}

export function runText(run: Answer): string {
  const steps = run.steps as readonly Answer[]
  const width = Math.max(0, ...steps.map((step) => String(step.step_id).length))
  return [
    `${run.run_id}  ${run.flow} v${run.version}  ${run.status}${duration(run.accepted_at_ms, run.finished_at_ms)}`,
    ...errorLine('  ', run.error),
    ...steps.flatMap((step) => stepLines(step, width)),
    ...(run.output === null || run.output === undefined ? [] : [`  output ${JSON.stringify(run.output)}`]),
    `  as of ${run.as_of}`,
  ].join('\n')
}

function stepLines(step: Answer, width: number): string[] {
  const attempts = Number(step.attempt) > 1 ? `, attempt ${step.attempt}` : ''
  const reason = typeof step.reason === 'string' ? ` (${step.reason})` : ''
  const time = duration(step.started_at_ms, step.finished_at_ms)
  const head = `  ${String(step.step_id).padEnd(width)}  ${step.status}${reason}${attempts}${time}`
  return [head, ...errorLine(`    ${' '.repeat(width)}`, step.error)]
}

function errorLine(indent: string, error: unknown): string[] {
  if (typeof error !== 'object' || error === null) return []
  const { code, message } = error as ShownError
  return [`${indent}${code}: ${message}`]
}

function duration(from: unknown, to: unknown): string {
  return typeof from === 'number' && typeof to === 'number' ? ` in ${to - from} ms` : ''
}
