/** Holds what came of a dry run to what was expected of it. */
import { isDeepStrictEqual } from 'node:util'
import type { CompiledFlow } from '../../../schemas/flow/model.ts'
import type { Json } from '../../../schemas/json.ts'
import type { DryRunError, DryRunReport, DryStep } from '../../../topology/dry-run/port.ts'
import { counted } from '../look.ts'
import type { ExpectedError, ExpectedStep, TestCase } from './test-file.ts'

const MAX_DIFFERENCES = 10

/** What is not as it should be, in words; empty: all is. */
export function judge(flow: CompiledFlow, { expect, mocks }: TestCase, report: DryRunReport): string[] {
  const ids = new Set<string>(flow.steps.map(({ id }) => id))
  const strangers = [...mocks.keys(), ...expect.steps.keys()].filter((id) => !ids.has(id))
  const steps = new Map(report.steps.map((step) => [step.id, step]))
  return [
    ...report.problems,
    ...strangers.map((id) => `there is no step '${id}'; the flow has ${[...ids].join(', ')}`),
    ...report.unmocked.map(({ step, block }) => `step '${step}' (${block}) has effects outside: add mocks.${step}`),
    ...(report.status === expect.status ? [] : [statusProblem(report, expect.status)]),
    ...('output' in expect ? differences('output', expect.output!, report.output) : []),
    ...(expect.error === undefined ? [] : errorProblems('error', expect.error, report.error)),
    ...timeProblems(expect, report),
    ...[...expect.steps].flatMap(([id, expected]) => (ids.has(id) ? stepProblems(id, expected, steps.get(id)) : [])),
  ]
}

function statusProblem({ status, error }: DryRunReport, expected: string): string {
  const why = error === null ? '' : ` (${error.code}: ${error.message})`
  return `the run is ${status}${why}; expected ${expected}`
}

function timeProblems({ withinMs, atLeastMs }: TestCase['expect'], { durationMs }: DryRunReport): string[] {
  return [
    ...(withinMs !== undefined && durationMs > withinMs
      ? [`it took ${durationMs} ms; expected at most ${withinMs}`]
      : []),
    ...(atLeastMs !== undefined && durationMs < atLeastMs
      ? [`it took ${durationMs} ms; expected at least ${atLeastMs}`]
      : []),
  ]
}

function stepProblems(id: string, expected: ExpectedStep, step: DryStep | undefined): string[] {
  const where = `step '${id}'`
  if (step === undefined) return [`${where} was never reached; expected it to be ${expected.status ?? 'there'}`]
  const why = step.error === null ? '' : ` (${step.error.code}: ${step.error.message})`
  return [
    ...(expected.status === undefined || expected.status === step.status
      ? []
      : [`${where} is ${step.status}${why}; expected ${expected.status}`]),
    ...(expected.attempts === undefined || expected.attempts === step.attempts
      ? []
      : [`${where} took ${counted(step.attempts, 'attempt')}; expected ${expected.attempts}`]),
    ...(expected.reason === undefined || expected.reason === step.reason
      ? []
      : [`${where} has the reason ${step.reason}; expected ${expected.reason}`]),
    ...(expected.error === undefined ? [] : errorProblems(`${where} error`, expected.error, step.error)),
    ...('input' in expected ? inputProblems(where, expected.input!, step.input) : []),
    ...('output' in expected ? differences(`${where} output`, expected.output!, step.output) : []),
  ]
}

function inputProblems(where: string, expected: Json, found: Json | undefined): string[] {
  if (found === undefined) return [`${where} was given no input: no attempt was begun`]
  return differences(`${where} input`, expected, found)
}

function errorProblems(where: string, expected: ExpectedError, found: DryRunError | null): string[] {
  if (found === null) return [`${where} is missing; expected ${expected.code}`]
  const { code, message } = found
  return [
    ...(code === expected.code ? [] : [`${where} is ${code} (${message}); expected ${expected.code}`]),
    ...(expected.message === undefined || message.includes(expected.message)
      ? []
      : [`${where} says "${message}"; expected it to contain "${expected.message}"`]),
  ]
}

/** Where two values differ, at most ten places. */
export function differences(where: string, expected: Json, found: Json): string[] {
  const list: string[] = []
  compare(where, expected, found, list)
  const left = list.length - MAX_DIFFERENCES
  return left <= 0 ? list : [...list.slice(0, MAX_DIFFERENCES), `${where}: and ${counted(left, 'more difference')}`]
}

function compare(where: string, expected: Json, found: Json, list: string[]): void {
  if (isDeepStrictEqual(expected, found)) return
  if (isObject(expected) && isObject(found)) {
    for (const name of new Set([...Object.keys(expected), ...Object.keys(found)])) {
      const path = `${where}.${name}`
      if (!(name in found)) list.push(`${path} is missing; expected ${shown(expected[name]!)}`)
      else if (!(name in expected)) list.push(`${path} is ${shown(found[name]!)}; expected nothing there`)
      else compare(path, expected[name]!, found[name]!, list)
    }
    return
  }
  if (Array.isArray(expected) && Array.isArray(found) && expected.length === found.length) {
    for (const [index, item] of expected.entries())
      compare(`${where}[${index}]`, item as Json, found[index] as Json, list)
    return
  }
  list.push(`${where} is ${shown(found)}; expected ${shown(expected)}`)
}

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function shown(value: Json): string {
  const text = JSON.stringify(value)
  return text.length <= 200 ? text : `${text.slice(0, 199)}…`
}
