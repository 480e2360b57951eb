/** What several resources have in common. */
import { ERROR_STATUSES, type ErrorCode } from '../errors.ts'
import { anything, choice, integer, list, mapOf, named, nullable, object, optional, schema, text } from './schema.ts'

export const tenantHeader = {
  'X-Tenant-ID': optional(
    text('Tenant on whose behalf the request is made; without it: `default`.', {
      pattern: '^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$',
    }),
  ),
}

export const idempotencyHeader = {
  'Idempotency-Key': optional(
    text('The same key and the same request again have the effect of one.', { minLength: 1, maxLength: 256 }),
  ),
}

export const runId = text('Run id.', {
  format: 'uuid',
  pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$',
  examples: ['4b1d9f0e-5c1a-8f00-9b1a-0123456789ab'],
})

export const epochMs = (description: string) => integer(`${description} Milliseconds since 1970-01-01T00:00:00Z.`, 0)

/** A position of the log. */
export const position = text('Position in the log: topic, partition and offset.', { examples: ['ingest/2/117'] })

export const asOf = named(
  'AsOf',
  object(
    {
      positions: list(
        text('E.g. `events/2/117`.'),
        'By partition of `events`: everything before it is in the answer, and perhaps some after it.',
      ),
      event_at_ms: nullable(epochMs('Time of the latest event that is in the answer.')),
    },
    'As of which position and time an answer is.',
  ),
)

/** As in `gateway/live/event-json.ts`, which a client need not load; a test compares them. */
export const EVENT_NAMES = [
  'RunAccepted',
  'RunRejected',
  'StepQueued',
  'StepStarted',
  'StepRetrying',
  'StepWaiting',
  'StepCompleted',
  'StepFailed',
  'StepSkipped',
  'StepCancelled',
  'RunCompleted',
  'RunFailed',
  'RunCancelled',
  'RunTimedOut',
  'LetterStored',
  'LetterReplayed',
  'LetterDiscarded',
  'OperationStarted',
  'OperationProgressed',
] as const

const eventFields = object(
  {
    kind: choice('What happened.', EVENT_NAMES),
    run_id: nullable(runId),
    tenant_id: text('Tenant.'),
    at_ms: epochMs('When it was decided.'),
    cause_topic: text('Topic of the record that set it off.'),
    cause_offset: integer('Offset of that record.', 0),
    position: text('Position in the log.', { examples: ['events/2/117'] }),
    flow: optional(nullable(text('Of events that carry it.'))),
    step_id: optional(nullable(text('Of events of steps.'))),
    attempt: optional(integer('Of events of steps.', 0)),
    operation_id: optional(text('Of events of bulk operations.')),
    error: optional(anything('Why something failed.')),
  },
  'What happened, without payloads; the other fields are those of its kind, with sizes in place of payloads.',
)
export const event = named('Event', { ...eventFields, json: { ...eventFields.json, additionalProperties: true } })

/** Of lists. */
export const limit = optional(integer('Entries of one answer.', 1, 1000))
export const after = optional(text('`next` of the answer before, for the same query.'))
export const next = nullable(text('Asks for what follows, as `after`; `null`: nothing does.'))

export const errorInfo = named(
  'ErrorInfo',
  object(
    {
      code: text('Stable, upper snake case.', { examples: ['HTTP_ERROR'] }),
      message: text('What happened, for people.'),
      class: choice('Whether it is tried again.', ['transient', 'recoverable', 'permanent', 'terminal']),
      retryAfterMs: optional(nullable(integer('The next attempt waits at least this long, milliseconds.', 0))),
      detail: optional(anything('More, as the block tells it.')),
    },
    'Why an attempt, a step or a run failed.',
  ),
)

export const errorFields = named(
  'Problem',
  object({
    code: choice('Stable; says what to do.', Object.keys(ERROR_STATUSES) as ErrorCode[]),
    message: text('What was found, what was expected, and where.'),
    intake_error_code: optional(text("The older systems' name for what is wrong with a submission.")),
    details: mapOf(anything('Detail.'), 'For programs, e.g. `code`, `path`, `expected`.'),
  }),
)

export const errorBody = named(
  'Error',
  object(
    {
      ok: schema<false>({ const: false }),
      error: errorFields,
      context: object({
        request_id: text('Under which the log of the server has more.'),
        trace_id: nullable(text('Of the trace that the request belongs to.')),
        tenant_id: text('Tenant.'),
      }),
    },
    'Every error has this form.',
  ),
)
