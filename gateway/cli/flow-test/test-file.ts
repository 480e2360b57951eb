/**
 * Reads a file of cases for a flow:
 *
 *     flow: order.yaml            # beside this file
 *     cases:
 *       - name: paid at the second attempt
 *         input: { sku: a }
 *         mocks:
 *           price: { output: { body: { amount: 3 } } }
 *           charge:
 *             - { error: { code: HTTP_ERROR, class: transient }, after: 2s }
 *             - { output: { body: ok } }
 *         expect:
 *           status: completed
 *           output: { paid: true }
 *           steps:
 *             charge: { status: completed, attempts: 2, input: { amount: 3 } }
 *             thank: completed
 */
import { parseDuration } from '../../../schemas/flow/duration.ts'
import { didYouMean } from '../../../schemas/flow/nearest.ts'
import { formatPath, type Locate, type Path } from '../../../schemas/flow/problems.ts'
import { readSource } from '../../../schemas/flow/source.ts'
import type { Json } from '../../../schemas/json.ts'
import type { DryRunReport, DryStepStatus, Mock, MockError } from '../../../topology/dry-run/port.ts'
import { CliError, EXIT } from '../cli-error.ts'

export interface ExpectedError {
  readonly code: string
  /** A part of it. */
  readonly message?: string
}

export interface ExpectedStep {
  readonly status?: DryStepStatus
  readonly attempts?: number
  readonly input?: Json
  readonly output?: Json
  readonly error?: ExpectedError
  readonly reason?: string
}

export interface Expected {
  readonly status: DryRunReport['status']
  readonly output?: Json
  readonly error?: ExpectedError
  /** The run takes at most so long, virtual milliseconds. */
  readonly withinMs?: number
  readonly atLeastMs?: number
  readonly steps: ReadonlyMap<string, ExpectedStep>
}

export interface TestCase {
  readonly name: string
  readonly line: number
  readonly input: Json
  readonly startMs: number
  readonly cancelAfterMs: number | null
  readonly mocks: ReadonlyMap<string, readonly Mock[]>
  readonly expect: Expected
}

export interface TestFile {
  /** Path of the flow's document, as it is written. */
  readonly flow: string
  readonly cases: readonly TestCase[]
}

const MAX_CASES = 1_000
const DEFAULT_START = '2030-01-01T00:00:00Z'
const RUN_ENDS = ['completed', 'failed', 'cancelled', 'timed_out', 'rejected'] as const
const STEP_STATUSES = [
  'queued',
  'running',
  'retrying',
  'waiting',
  'completed',
  'failed',
  'timed_out',
  'skipped',
] as const
const STEP_ENDS = [...STEP_STATUSES, 'cancelled'] as const
const CLASSES = ['transient', 'recoverable', 'permanent', 'terminal'] as const

/** A value of the file, and where it is. */
interface At {
  readonly value: Json
  readonly path: Path
  readonly file: string
  readonly locate: Locate
}

type Fields = { readonly [name: string]: Json }

/** @throws {CliError} that says where and what was expected */
export function readTestFile(file: string, source: Uint8Array): TestFile {
  const read = readSource(source)
  if (!read.ok) {
    const [problem] = read.problems.list
    const place = problem?.line === undefined ? file : `${file}:${problem.line}:${problem.column}`
    throw new CliError(EXIT.failed, `${place}: ${problem?.message}`)
  }
  const root: At = { value: read.value, path: [], file, locate: read.locate }
  const fields = fieldsOf(root, ['flow', 'cases'], 'flow and cases')
  const flow = textOf(child(root, fields, 'flow'))
  const cases = listOf(child(root, fields, 'cases'), 'a list of cases')
  if (cases.length === 0 || cases.length > MAX_CASES)
    wrong(root, `there are ${cases.length} cases; expected 1 to ${MAX_CASES}`)
  return { flow, cases: cases.map(caseOf) }
}

function caseOf(at: At, index: number): TestCase {
  const names = ['name', 'input', 'at', 'cancel_after', 'mocks', 'expect']
  const fields = fieldsOf(at, names, 'a case')
  const { name, at: start, cancel_after: cancelAfter } = fields
  const startMs = Date.parse(start === undefined ? DEFAULT_START : textOf(child(at, fields, 'at')))
  if (Number.isNaN(startMs))
    wrong(child(at, fields, 'at'), `'${start}' is no time; expected one such as ${DEFAULT_START}`)
  const mocks = fields['mocks'] === undefined ? [] : entriesOf(child(at, fields, 'mocks'), 'an object of mocks by step')
  return {
    name: name === undefined ? `case ${index + 1}` : textOf(child(at, fields, 'name')),
    line: at.locate(at.path, 'value')?.line ?? 1,
    input: fields['input'] ?? {},
    startMs,
    cancelAfterMs: cancelAfter === undefined ? null : durationOf(child(at, fields, 'cancel_after')),
    mocks: new Map(mocks.map(([step, mock]) => [step, mocksOf(mock)])),
    expect: expectedOf(child(at, fields, 'expect')),
  }
}

/** One, or a list of them for the attempts in order. */
function mocksOf(at: At): readonly Mock[] {
  if (!Array.isArray(at.value)) return [mockOf(at)]
  if (at.value.length === 0) wrong(at, 'the list is empty; expected what the first attempt does, the second, ...')
  return listOf(at, 'a list').map(mockOf)
}

function mockOf(at: At): Mock {
  const fields = fieldsOf(at, ['output', 'error', 'after'], 'a mock')
  const { output, error, after } = fields
  if ((output === undefined) === (error === undefined)) wrong(at, 'expected either output or error')
  const afterMs = after === undefined ? 0 : durationOf(child(at, fields, 'after'))
  if (output !== undefined) return { afterMs, result: { output } }
  const about = child(at, fields, 'error')
  if (typeof error === 'string') return { afterMs, result: { error: { ...PLAIN_ERROR, code: error } } }
  return { afterMs, result: { error: mockErrorOf(about) } }
}

function mockErrorOf(at: At): MockError {
  const fields = fieldsOf(at, ['code', 'message', 'class', 'retry_after', 'detail'], 'an error')
  const { message, class: errorClass, retry_after, detail = null } = fields
  return {
    code: textOf(child(at, fields, 'code')),
    message: message === undefined ? PLAIN_ERROR.message : textOf(child(at, fields, 'message')),
    class: errorClass === undefined ? PLAIN_ERROR.class : choiceOf(child(at, fields, 'class'), CLASSES),
    retryAfterMs: retry_after === undefined ? null : durationOf(child(at, fields, 'retry_after')),
    detail,
  }
}

const PLAIN_ERROR = { message: 'mocked', class: 'permanent', retryAfterMs: null, detail: null } as const

function expectedOf(at: At): Expected {
  if (typeof at.value === 'string') return { status: choiceOf(at, RUN_ENDS), steps: new Map() }
  const fields = fieldsOf(at, ['status', 'output', 'error', 'within', 'at_least', 'steps'], 'an expectation')
  const steps = fields['steps'] === undefined ? [] : entriesOf(child(at, fields, 'steps'), 'an object by step')
  const { output, error, status, within, at_least } = fields
  return {
    status:
      status === undefined
        ? error === undefined
          ? 'completed'
          : 'failed'
        : choiceOf(child(at, fields, 'status'), RUN_ENDS),
    ...(output === undefined ? {} : { output }),
    ...(error === undefined ? {} : { error: expectedError(child(at, fields, 'error')) }),
    ...(within === undefined ? {} : { withinMs: durationOf(child(at, fields, 'within')) }),
    ...(at_least === undefined ? {} : { atLeastMs: durationOf(child(at, fields, 'at_least')) }),
    steps: new Map(steps.map(([id, step]) => [id, expectedStep(step)])),
  }
}

function expectedStep(at: At): ExpectedStep {
  if (typeof at.value === 'string') return { status: choiceOf(at, STEP_ENDS) }
  const fields = fieldsOf(
    at,
    ['status', 'attempts', 'input', 'output', 'error', 'reason'],
    'what is expected of a step',
  )
  const { status, attempts, input, output, error, reason } = fields
  if (attempts !== undefined && !(Number.isInteger(attempts) && Number(attempts) >= 0))
    wrong(child(at, fields, 'attempts'), `found ${JSON.stringify(attempts)}; expected a whole number`)
  return {
    ...(status === undefined ? {} : { status: choiceOf(child(at, fields, 'status'), STEP_ENDS) }),
    ...(attempts === undefined ? {} : { attempts: Number(attempts) }),
    ...(input === undefined ? {} : { input }),
    ...(output === undefined ? {} : { output }),
    ...(error === undefined ? {} : { error: expectedError(child(at, fields, 'error')) }),
    ...(reason === undefined ? {} : { reason: textOf(child(at, fields, 'reason')) }),
  }
}

function expectedError(at: At): ExpectedError {
  if (typeof at.value === 'string') return { code: at.value }
  const fields = fieldsOf(at, ['code', 'message'], 'an expected error')
  const message = fields['message'] === undefined ? {} : { message: textOf(child(at, fields, 'message')) }
  return { code: textOf(child(at, fields, 'code')), ...message }
}

function fieldsOf(at: At, names: readonly string[], what: string): Fields {
  const { value } = at
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return wrong(at, `found ${kindOf(value)}; expected ${what} with ${names.join(', ')}`)
  }
  for (const name of Object.keys(value)) {
    if (names.includes(name)) continue
    const known = didYouMean(name, names) || `; expected one of ${names.join(', ')}`
    wrong({ ...at, path: [...at.path, name] }, `unknown field '${name}' of ${what}${known}`)
  }
  return value as Fields
}

function child(at: At, fields: Fields, name: string): At {
  const value = fields[name]
  if (value === undefined) return wrong(at, `'${name}' is missing`)
  return { ...at, value, path: [...at.path, name] }
}

function entriesOf(at: At, what: string): (readonly [name: string, value: At])[] {
  const { value } = at
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return wrong(at, `expected ${what}`)
  return Object.keys(value).map((name) => [name, child(at, value as Fields, name)])
}

function listOf(at: At, what: string): At[] {
  const { value } = at
  if (!Array.isArray(value)) return wrong(at, `found ${kindOf(value)}; expected ${what}`)
  return value.map((item: Json, index) => ({ ...at, value: item, path: [...at.path, index] }))
}

function textOf(at: At): string {
  return typeof at.value === 'string' ? at.value : wrong(at, `found ${kindOf(at.value)}; expected a text`)
}

function choiceOf<const T extends string>(at: At, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === at.value)
  return found ?? wrong(at, `found ${JSON.stringify(at.value)}; expected one of ${choices.join(', ')}`)
}

function durationOf(at: At): number {
  const ms = typeof at.value === 'string' ? parseDuration(at.value) : null
  return ms ?? wrong(at, `found ${JSON.stringify(at.value)}; expected a length of time such as 200ms, 10s or 5m`)
}

function kindOf(value: Json): string {
  if (value === null) return 'nothing'
  return Array.isArray(value) ? 'a list' : `a ${typeof value === 'string' ? 'text' : typeof value}`
}

function wrong({ file, path, locate }: At, message: string): never {
  const place = locate(path, 'value')
  const prefix = place === null ? `${file}:` : `${file}:${place.line}:${place.column}:`
  const where = path.length === 0 ? '' : `${formatPath(path)}: `
  // somebody may have given the flow itself
  const hint =
    path.length > 1 ? null : 'A test file has `flow` (a file) and `cases`; `beamline flow check` takes flows.'
  throw new CliError(EXIT.failed, `${prefix} ${where}${message}`, hint)
}
