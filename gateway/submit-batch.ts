/** Takes many submissions at once: each line is checked and answered by itself, what is good is appended as one. */
import { parseSubmission, type SubmissionContext, SubmissionError } from '../schemas/codec/ingest-json.ts'
import { newRunId, type TenantId } from '../schemas/ids.ts'
import type { SubmitRun } from '../schemas/records/ingest.ts'
import type { OutRecord, Position } from '../topology/log/port.ts'
import { knownFailure, RequestError } from './errors.ts'
import type { Line } from './lines.ts'
import { outRecord, positionText } from './out-record.ts'
import type { Expected } from './replies.ts'
import {
  decisionOf,
  homeOfSubmission,
  inputProblem,
  invalidInput,
  invalidSubmission,
  notAdmitted,
  placementOf,
  type Submitted,
  type SubmitterDependencies,
  unknownFlow,
} from './submit-run.ts'

/** Lines between which other requests get their turn. */
const SLICE = 200
/** Each may have as many questions open as it has lines. */
const MAX_BATCHES = 8
const RETRY_AFTER_S = 1
/** Of an idempotency key with a line's number behind it. */
const MAX_KEY_LENGTH = 256

export interface BatchOptions {
  readonly context: SubmissionContext
  /** Makes a key for each line that has neither a key nor a run id; the same batch again then gives the same runs. */
  readonly idempotencyKey: string | null
  /** Bytes of one line. */
  readonly lineLimitBytes: number
}

export type LineAnswer =
  | { readonly line: number; readonly submitted: Submitted }
  | { readonly line: number; readonly error: RequestError }

/** Answers in the order of the lines. */
export type SubmitBatch = (lines: readonly Line[], options: BatchOptions) => Promise<readonly LineAnswer[]>

/** What one line has become before it is appended. */
type Prepared =
  | { readonly line: number; readonly error: RequestError }
  | {
      readonly line: number
      readonly record: SubmitRun
      readonly out: OutRecord
      /** Whoever decides says which run it is. */
      readonly expected: Expected | null
    }

/** The returned function throws {@link RequestError} when the whole batch is refused, and what appending it throws. */
export function createBatchSubmitter(dependencies: SubmitterDependencies): SubmitBatch {
  const { log, environment, definitions, replies, admission } = dependencies
  let batches = 0

  const randomU32 = (): number => environment.randomU32()

  const prepare = (line: Line, options: BatchOptions): Prepared => {
    const record = checked(line, options)
    const known = definitions.flow(record.tenant, record.flow, record.version)
    if (known === undefined) throw unknownFlow(definitions, record)
    const problem = inputProblem(known.compiled, record.input)
    if (problem !== null) throw invalidInput(record.flow, problem)
    const asks = record.idempotencyKey !== null || record.runId !== null
    const expected = asks ? replies.expect('the submission', false) : null
    const runId = asks ? record.runId : newRunId(placementOf(record, dependencies), randomU32)
    const message = { ...record, runId, replyTo: expected?.replyTo ?? null }
    const out = outRecord('ingest', homeOfSubmission(message, dependencies), runId, message)
    if (out.value.length <= log.maxRecordBytes) return { line: line.number, record: message, out, expected }
    expected?.forget()
    const found = `the submission has ${out.value.length} bytes; expected at most ${log.maxRecordBytes}`
    throw new RequestError('payload_too_large', found, { details: { code: 'RECORD_TOO_LARGE' } })
  }

  const prepareAll = async (lines: readonly Line[], options: BatchOptions): Promise<readonly Prepared[]> => {
    // another gateway may have published a flow a moment ago
    await definitions.current()
    const prepared: Prepared[] = []
    for (const [index, line] of lines.entries()) {
      if (index > 0 && index % SLICE === 0) await new Promise<void>((resolve) => environment.soon(resolve))
      prepared.push(orError(line.number, () => prepare(line, options)))
    }
    return prepared
  }

  const submit: SubmitBatch = async (lines, options) => {
    const admitted = admission(lines.length)
    if (!admitted.admit) throw notAdmitted(admitted)
    const prepared = await prepareAll(lines, options)
    const taken = prepared.filter((entry) => 'out' in entry)
    const positions = await log.append(taken.map(({ out }) => out)).catch((error: unknown) => {
      for (const { expected } of taken) expected?.forget()
      throw error
    })
    let at = 0
    const answers = prepared.map((entry) => ('out' in entry ? answerOf(entry, positions[at++]!) : entry))
    return taken.some(({ expected }) => expected !== null) ? Promise.all(answers) : (answers as LineAnswer[])
  }

  return async (lines, options) => {
    if (batches >= MAX_BATCHES) {
      const message = `${batches} batches are being taken in already; the bound is ${MAX_BATCHES}`
      throw new RequestError('service_overloaded', message, { retryAfterS: RETRY_AFTER_S })
    }
    batches++
    try {
      return await submit(lines, options)
    } finally {
      batches--
    }
  }
}

function checked({ number, bytes, text }: Line, { context, idempotencyKey, lineLimitBytes }: BatchOptions): SubmitRun {
  if (bytes.length > lineLimitBytes) {
    const message = `the line has ${bytes.length} bytes; expected at most ${lineLimitBytes}`
    throw new RequestError('payload_too_large', message, { details: { code: 'TOO_LARGE' } })
  }
  const record = parseSubmission(bytes, context, text)
  if (idempotencyKey === null || record.idempotencyKey !== null || record.runId !== null) return record
  return { ...record, idempotencyKey: `${idempotencyKey}/${number}`.slice(-MAX_KEY_LENGTH) }
}

function orError(line: number, prepare: () => Prepared): Prepared {
  try {
    return prepare()
  } catch (error) {
    if (error instanceof RequestError) return { line, error }
    if (error instanceof SubmissionError) return { line, error: invalidSubmission(error) }
    throw error
  }
}

function answerOf(
  { line, record, expected }: Extract<Prepared, { readonly out: OutRecord }>,
  at: Position,
): LineAnswer | Promise<LineAnswer> {
  const { tenant } = record
  const position = positionText(at)
  return expected === null
    ? { line, submitted: { runId: record.runId!, tenant, repeated: false, position } }
    : decidedAnswer(line, expected, tenant, position)
}

async function decidedAnswer(
  line: number,
  { reply }: Expected,
  tenant: TenantId,
  position: string,
): Promise<LineAnswer> {
  try {
    return { line, submitted: { ...decisionOf(await reply), tenant, position } }
  } catch (error) {
    const known = knownFailure(error)
    if (known === null) throw error
    return { line, error: known }
  }
}
