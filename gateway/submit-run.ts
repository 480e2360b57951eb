/** Takes a submission: checks it as far as the edge can, gives it its id, appends it to `ingest` at its home. */
import { parseSubmission, type SubmissionContext, SubmissionError } from '../schemas/codec/ingest-json.ts'
import type { CompiledFlow, InputProblem } from '../schemas/flow/model.ts'
import { didYouMean } from '../schemas/flow/nearest.ts'
import { homeOf, newRunId, type RunId, type TenantId } from '../schemas/ids.ts'
import { type Json, type JsonText, parseJson } from '../schemas/json.ts'
import { placementOfSubmission } from '../schemas/placement.ts'
import type { ReplayOrigin, SubmitRun } from '../schemas/records/ingest.ts'
import type { Reply } from '../schemas/records/replies.ts'
import type { Environment } from '../topology/environment.ts'
import type { Log } from '../topology/log/port.ts'
import type { Definitions, FlowVersion } from './definitions.ts'
import { type ErrorCode, type ErrorDetails, RequestError } from './errors.ts'
import { outRecord, positionText } from './out-record.ts'
import type { Admission } from './ports.ts'
import type { Replies } from './replies.ts'

export interface Submitted {
  readonly runId: RunId
  readonly tenant: TenantId
  /** The run was accepted before, under the same idempotency key or run id. */
  readonly repeated: boolean
  /** Where the submission lies, e.g. `ingest/2/117`. */
  readonly position: string
}

export interface SubmitterDependencies {
  readonly log: Log
  readonly environment: Environment
  readonly definitions: Definitions
  readonly replies: Replies
  readonly admission: (submissions?: number) => Admission
}

/** `replay`: what it runs again. */
export type Submit = (body: Uint8Array | Json, context: SubmissionContext, replay?: ReplayOrigin) => Promise<Submitted>

/** The returned function throws {@link RequestError}. */
export function createSubmitter(dependencies: SubmitterDependencies): Submit {
  const { log, environment, definitions, replies, admission } = dependencies
  const randomU32 = (): number => environment.randomU32()
  /** The answer says which run it is; without an id of its own the record gets one where its key lies. */
  const submitAndAsk = async (record: SubmitRun): Promise<Submitted> => {
    const home = homeOfSubmission(record, dependencies)
    const expected = replies.expect('the submission')
    const message = { ...record, replyTo: expected.replyTo }
    const position = await log.append([outRecord('ingest', home, record.runId, message)]).catch((error: unknown) => {
      expected.forget()
      throw error
    })
    const decided = decisionOf(await expected.reply)
    return { ...decided, tenant: record.tenant, position: positionText(position[0]!) }
  }
  return async (body, context, replay) => {
    const admitted = admission()
    if (!admitted.admit) throw notAdmitted(admitted)
    const parsed = parse(body, context)
    const record = replay === undefined ? parsed : { ...parsed, replay }
    const known = definitions.flow(record.tenant, record.flow, record.version) ?? (await findLate(definitions, record))
    const problem = inputProblem(known.compiled, record.input)
    if (problem !== null) throw invalidInput(record.flow, problem)
    if (record.idempotencyKey !== null || record.runId !== null) return submitAndAsk(record)
    const runId = newRunId(placementOf(record, dependencies), randomU32)
    const home = homeOf(runId, log.partitions)
    const message = { ...record, runId, replyTo: null }
    const positions = await log.append([outRecord('ingest', home, runId, message)])
    return { runId, tenant: record.tenant, repeated: false, position: positionText(positions[0]!) }
  }
}

type Placing = Pick<SubmitterDependencies, 'log' | 'environment' | 'definitions'>

/** Placement of the run of a submission without an id. */
export function placementOf(record: SubmitRun, { log, environment, definitions }: Placing): number {
  const randomU32 = (): number => environment.randomU32()
  const spread = definitions.tenant(record.tenant)?.spread ?? null
  return placementOfSubmission(record, log.partitions, spread, randomU32) ?? randomU32() & 0xffff
}

/** Partition that a submission is appended to. */
export function homeOfSubmission(record: SubmitRun, placing: Placing): number {
  const { partitions } = placing.log
  return record.runId === null ? placementOf(record, placing) % partitions : homeOf(record.runId, partitions)
}

function parse(body: Uint8Array | Json, context: SubmissionContext): SubmitRun {
  try {
    return parseSubmission(body, context)
  } catch (error) {
    throw error instanceof SubmissionError ? invalidSubmission(error) : error
  }
}

export function invalidSubmission(error: SubmissionError): RequestError {
  const code = error.code === 'TOO_LARGE' ? 'payload_too_large' : 'invalid_request'
  return new RequestError(code, error.message, { details: { code: error.code, path: error.path }, cause: error })
}

/** Another gateway may have published the flow a moment ago: `control` is read to its end before refusing. */
async function findLate(definitions: Definitions, record: SubmitRun): Promise<FlowVersion> {
  await definitions.current()
  const known = definitions.flow(record.tenant, record.flow, record.version)
  if (known !== undefined) return known
  throw unknownFlow(definitions, record)
}

export function unknownFlow(definitions: Definitions, { tenant, flow, version }: SubmitRun): RequestError {
  const latest = definitions.versions(tenant, flow).at(-1)?.version
  if (latest !== undefined && version === null) {
    const message = `every version of flow '${flow}' is deprecated; expected a version by its number, or a new one`
    return new RequestError('flow_deprecated', message, { details: { flow } })
  }
  const message =
    latest === undefined
      ? `flow '${flow}' is unknown for tenant '${tenant}'${didYouMean(
          flow,
          definitions.flows(tenant).map((published) => published.flow),
        )}`
      : `version ${version} of flow '${flow}' is unknown; expected 1 to ${latest}`
  return new RequestError('flow_not_found', message, { details: { flow, version } })
}

/** Ingest decides; here it is asked earlier, so that a mistake is answered at once. */
export function inputProblem(flow: CompiledFlow, input: JsonText): InputProblem | null {
  return flow.inputSchema === null ? null : (flow.checkInput(parseJson(input))[0] ?? null)
}

export function invalidInput(flow: string, { path, message }: InputProblem): RequestError {
  const text = `the input does not match the schema of flow '${flow}': \`${path}\` ${message}`
  return new RequestError('invalid_request', text, {
    details: { code: 'INVALID_INPUT', path },
    intakeErrorCode: 'SCHEMA_VALIDATION_FAILED',
  })
}

export function notAdmitted({
  status,
  reason,
  retryAfterS,
  limit,
}: Extract<Admission, { admit: false }>): RequestError {
  const code = status === 429 ? 'rate_limit_exceeded' : 'service_overloaded'
  const details = { retry_after_seconds: retryAfterS, ...(limit === undefined ? {} : { limit }) }
  return new RequestError(code, reason, { retryAfterS, details })
}

const REFUSALS: { readonly [code: string]: readonly [code: ErrorCode, intakeErrorCode?: string] } = {
  invalid_input: ['invalid_request', 'SCHEMA_VALIDATION_FAILED'],
  input_too_large: ['payload_too_large'],
  unknown_flow: ['flow_not_found'],
  flow_deprecated: ['flow_deprecated'],
  idempotency_conflict: ['conflict', 'IDEMPOTENCY_VIOLATION'],
  run_id_conflict: ['conflict', 'IDEMPOTENCY_VIOLATION'],
}

export function decisionOf(reply: Reply): Pick<Submitted, 'runId' | 'repeated'> {
  const body = JSON.parse(reply.body) as { run_id?: RunId; message?: string; details?: ErrorDetails }
  if (reply.ok && body.run_id !== undefined) return { runId: body.run_id, repeated: reply.code === 'duplicate' }
  const [code, intakeErrorCode] = REFUSALS[reply.code] ?? ['invalid_request']
  throw new RequestError(code, body.message ?? `the submission was refused: ${reply.code}`, {
    details: { code: reply.code.toUpperCase(), ...body.details },
    ...(intakeErrorCode === undefined ? {} : { intakeErrorCode }),
  })
}
