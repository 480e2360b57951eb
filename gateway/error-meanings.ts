/** What each code means to whoever meets it, and what to do then. A code without a row here does not compile. */
import type { SubmissionErrorCode } from '../schemas/codec/submission-error.ts'
import type { DecodeErrorCode } from '../schemas/codec/wire.ts'
import type { DeadLetter } from '../schemas/records/dlq.ts'
import type { LogErrorCode } from '../topology/log/port.ts'
import type { ReadModelErrorCode } from '../topology/read-model/port.ts'
import type { ErrorCode } from './errors.ts'

export interface Meaning {
  readonly meaning: string
  readonly next: string
}
export type Meanings<C extends string = string> = { readonly [code in C]: Meaning }

const row = (meaning: string, next: string): Meaning => ({ meaning, next })

export const HTTP_MEANINGS: Meanings<ErrorCode> = {
  invalid_request: row(
    'The request has something that cannot be taken.',
    'Read `message`; `details.path` says where. Do not repeat it as it is.',
  ),
  invalid_flow: row(
    'A flow document is wrong.',
    'Mend what `details.problems` lists; `beamline flow check FILE` shows it with lines.',
  ),
  invalid_schema: row('A schema that was to be registered is none.', 'Mend it.'),
  unauthorized: row(
    'The bearer token is missing or none; or the body names another tenant than the header.',
    'Send the token, or the same tenant twice.',
  ),
  validator_blocked: row('An older route: the validator refused the message.', 'Change the message.'),
  not_found: row(
    'There is no such thing, or no such route.',
    'Compare the address with [api.md](api.md), and the tenant.',
  ),
  policy_not_found: row('An older route: no such policy.', 'Leave `policy_id` out, or use `default`.'),
  extension_not_found: row('An older route: no such extension.', 'There are no extensions yet.'),
  flow_not_found: row(
    'The tenant has no flow, or no version, of this name.',
    '`beamline flow list`, then `beamline flow publish FILE`.',
  ),
  run_not_found: row(
    'The tenant has no such run, or it is no longer kept.',
    '`beamline run list`; a run that was accepted an instant ago may follow in some milliseconds.',
  ),
  method_not_allowed: row('The route is there, but not for this method.', 'The header `Allow` lists those it takes.'),
  conflict: row(
    'It contradicts what is there already.',
    '`details.code` says what. The same key with another body: take a new key.',
  ),
  flow_deprecated: row(
    'All versions of the flow are deprecated.',
    'Publish a new one, or name a version by its number.',
  ),
  topic_not_writable: row('Only `ingest` takes records from outside.', 'Publish submissions to `ingest`.'),
  payload_too_large: row(
    'Body, input or record is larger than the limit.',
    'Send less, or a reference to it; limits are in [flows.md](flows.md#limits).',
  ),
  unsupported_media_type: row(
    'The body is of a type that the route does not read.',
    'Set `content-type` as in [api.md](api.md).',
  ),
  range_not_satisfiable: row(
    'The range begins beyond the end of the blob.',
    'Ask for a range within the size that `content-range` says.',
  ),
  rate_limit_exceeded: row(
    'Too many requests of this client or tenant.',
    'Wait `Retry-After` seconds, then send the same again.',
  ),
  internal: row(
    'Something nobody expected.',
    'Look in the log of the process for the `request_id` of the answer, and report it.',
  ),
  decision_failed: row('An older route: the run behind the decision failed.', 'Look at the run.'),
  not_implemented: row('Not built yet.', 'See [older-gateway.md](older-gateway.md).'),
  service_overloaded: row(
    'As much work waits as the process takes.',
    'Wait `Retry-After` seconds; see [troubleshooting](troubleshooting.md#503-with-retry-after).',
  ),
  unavailable: row(
    'A part behind the gateway does not answer: log, tasks or read model.',
    'Wait `Retry-After` seconds, with the same idempotency key; `/readyz` says what is missing.',
  ),
  extension_unavailable: row('An older route: an extension does not answer.', 'Send it again later.'),
  timeout: row(
    'It was recorded, but not decided in time.',
    'Send the same again with the same idempotency key, or look later.',
  ),
  extension_timeout: row('An older route: an extension took too long.', 'Send it again later.'),
}

/** `details.code` of refusals; submissions have their own below. */
export const DETAIL_MEANINGS: Meanings = {
  INVALID_PARAMETER: row(
    'A parameter is unknown, there twice, or has a value it cannot have.',
    'The message names those that are known. A cursor belongs to its own query.',
  ),
  INVALID_HEADER: row('A header has a value it cannot have.', 'Mend the header that `details.path` names.'),
  MISSING_HEADER: row('An older route wants a header.', 'Send it.'),
  EMPTY_BODY: row('There is no body.', 'Send a flow, as YAML or JSON.'),
  INVALID_INPUT: row(
    'The input does not match the schema of the flow.',
    'Mend what `details.path` names; `beamline flow show NAME` has the schema.',
  ),
  INVALID_RUN_ID: row('This is no run id.', 'Take the `run_id` of an answer.'),
  INVALID_REQUEST: row(
    'An older route: the body has not the form of any client.',
    'See [older-gateway.md](older-gateway.md).',
  ),
  INVALID_LAST_EVENT_ID: row(
    'The id belongs to another log, or is not an id of the stream.',
    'Take a snapshot (`GET /api/v1/runs`) and connect without an id.',
  ),
  TOO_MANY_STREAMS: row('As many clients follow as the process serves.', 'Close one, or ask another process.'),
  TOO_MANY_LINES: row('A batch has too many lines.', 'Send it in parts.'),
  TOO_MANY_ITEMS: row(
    'The query of a bulk operation finds more than one operation takes.',
    'Narrow it, for instance by time, and begin several.',
  ),
  TOO_MANY_OPERATIONS: row(
    'The tenant has as many operations going on as it may.',
    'Wait for one to end, or stop one: `beamline op list`.',
  ),
  IDEMPOTENCY_VIOLATION: row('The key was used with another body.', 'Take a new key for a new request.'),
  IDEMPOTENCY_KEY_REUSED: row('The key belongs to another bulk operation.', 'Take a new key.'),
  RUN_NOT_FAILED: row(
    'Only a run that failed or timed out can be retried.',
    '`beamline run rerun` runs any run again.',
  ),
  REPLAY_REFUSED: row(
    'The letter cannot be replayed.',
    'The message says why; `beamline dlq plan` shows it beforehand.',
  ),
  INPUT_NOT_KEPT: row('The input was too large for the read model to keep.', 'Rerun with `--input`.'),
  NOTHING_TO_REPLAY: row('The letter carries neither a run nor a record.', 'Discard it.'),
  PATCH_NEEDS_ONE_RECORD: row(
    'A patch of a record replaces all of it, so it takes one letter.',
    'Name a single letter.',
  ),
  INVALID_RECORD: row(
    'The value that is to replace a record is no submission that would be taken.',
    'Mend what the message names; the letter has stayed open.',
  ),
  PATCH_INVALID: row('The patch is not JSON.', 'Mend it.'),
  RATE_INVALID: row('The rate is below 0.', 'Give 0 (as fast as possible) or more.'),
  LETTER_NOT_OPEN: row('Somebody replayed or discarded the letter.', 'Nothing is left to do.'),
  LETTER_NOT_KEPT: row('The letter is gone: its retention is over.', 'Submit the run anew.'),
  ALREADY_ENDED: row('The run ended before a bulk operation came to it.', 'Nothing is left to do.'),
  FLOW_VERSION_UNKNOWN: row('The version that a letter ran with is gone.', 'Submit the run anew.'),
  TOPIC_UNKNOWN: row('The topic or partition that a letter came from is not there.', 'Discard the letter.'),
  BLOB_TOO_LARGE: row('A blob is larger than the limit.', 'Send less, or divide it.'),
  BLOB_NOT_FOUND: row('The tenant has no such blob, or it is no longer kept.', 'Compare id and tenant; put it again.'),
  ID_MISMATCH: row('An older route: the body has another id than the address.', 'Send the same id.'),
  TENANT_FORBIDDEN: row('An older route: the body names another tenant than the header.', 'Send the same tenant.'),
  VERSION_UNSUPPORTED: row('An older route: `version` is not "1".', 'Send "1", or leave it out.'),
  CORRELATION_FIELDS_INVALID: row(
    'An older route: an id has not the form it must have.',
    'Mend the id that the message names.',
  ),
  PAYLOAD_TOO_SMALL: row('An older route: the body is too small to be one.', 'Send a whole request.'),
  SCHEMA_VALIDATION_FAILED: row(
    'The older name for an input or body that does not match its schema (`intake_error_code`).',
    'As for `INVALID_INPUT`.',
  ),
  DECISION_FAILED: row('An older route: the decision has no code of its own.', 'Look at the run.'),
}

export const SUBMISSION_MEANINGS: Meanings<SubmissionErrorCode | DecodeErrorCode> = {
  INVALID_UTF8: row('Bytes that are no UTF-8.', 'Encode the text as UTF-8.'),
  INVALID_JSON: row('No JSON, or a member twice.', 'Mend it at the place that the message names.'),
  TOO_DEEP: row('Lists and objects are nested too deeply.', 'Flatten it; at most 100 levels.'),
  TOO_LARGE: row('Input or metadata is larger than the limit.', 'Send less, or a reference to it.'),
  LONE_SURROGATE: row('A text holds half of a character.', 'Do not cut texts within a character.'),
  UNKNOWN_FIELD: row('A field that there is not.', 'Correct its name; the message may have a near one.'),
  MISSING_FIELD: row('A required field is missing.', 'Add it.'),
  INVALID_FIELD: row('A field has a value it cannot have.', 'The message says what was expected.'),
  NOT_A_SUBMISSION: row(
    'A record of `ingest` that is no submission.',
    'Produce `{"flow": ..., "input": ...}`, see [schemas.md](schemas.md).',
  ),
  RECORD_EMPTY: row('A record without a value.', 'Mend the producer; discard the letter.'),
  RECORD_NOT_AVRO: row(
    'A record that does not begin as Avro of a registry does.',
    'Mend the producer, see [schemas.md](schemas.md).',
  ),
  SCHEMA_UNKNOWN: row(
    'The schema id of a record is not in the registry.',
    'Register the schema, or point the producer at the same registry.',
  ),
  RECORD_CORRUPT: row('The record does not fit its schema.', 'Mend the producer; discard the letter.'),
}

export const LETTER_MEANINGS: Meanings<DeadLetter['category']> = {
  run_failed: row(
    'A run ended failed or timed out. The letter knows what was done.',
    'Look at the error of the step, mend the cause, then `beamline dlq plan` and `replay`, with `--patch` if the input was wrong.',
  ),
  record_refused: row(
    'A record was understood and cannot be accepted: unknown flow, input that does not match, taken key.',
    'Publish the flow, or replay with a new value.',
  ),
  record_unreadable: row('A record cannot be decoded.', 'Mend the producer. Replay with a new value, or discard it.'),
  record_poison: row(
    'A record made the engine throw (`PROCESSOR_THREW`, `KIND_UNEXPECTED`, `RECORD_UNEXPECTED`).',
    'Report it with the letter. Replay it with a version that is mended.',
  ),
  critical: row(
    'A timer or a row of the engine could not be processed (`TIMER_THREW`).',
    'Report it with the letter, and check with `beamline verify`.',
  ),
}

export const LOG_MEANINGS: Meanings<LogErrorCode> = {
  FENCED: row(
    'Another process has taken the task over.',
    'Nothing: the task goes on there. If it happens all the time, two deployments share names.',
  ),
  OUTCOME_UNKNOWN: row(
    'The record may or may not have been written.',
    'Send the request again with the same idempotency key.',
  ),
  LOG_FULL: row(
    'The disk is full.',
    'Make room; the log goes on by itself. See [troubleshooting](troubleshooting.md#the-disk-is-full).',
  ),
  RECORD_TOO_LARGE: row(
    'A record is larger than the log takes.',
    'Send less, or raise the limit of the topic on Kafka (`beamline topics plan`).',
  ),
  LOG_CLOSED: row('The process is stopping.', 'Send it to another process, or again after the start.'),
  DATA_FOLDER_IN_USE: row(
    'Another process has the data folder.',
    'Stop it, or choose another folder with `--data`. See [troubleshooting](troubleshooting.md#the-data-folder-is-in-use).',
  ),
  DATA_FOLDER_NEWER: row('A newer Beamline wrote the folder.', 'Use that one.'),
  DATA_FOLDER_OLDER: row(
    'The folder is of a format that this Beamline cannot bring up.',
    'Start a Beamline in between first; see [backup.md](backup.md#upgrade).',
  ),
  DATA_FOLDER_CORRUPT: row(
    'The database is damaged.',
    'Keep it as it is, and restore a backup into an empty folder; see [backup.md](backup.md#restore).',
  ),
  PARTITIONS_DIFFER: row(
    'The log has another number of partitions than the configuration.',
    'Set `partitions` to what the message says: the number is chosen once.',
  ),
  TOPICS_UNFIT: row(
    'Topics are missing, or have settings with which data would be lost.',
    '`beamline topics plan`, then `beamline topics apply`.',
  ),
  DEPLOYMENT_DIFFERS: row('The topics hold another deployment.', 'Choose another `kafka.prefix`.'),
  FOREIGN_DATA: row('The topics hold what no Beamline has written.', 'Choose another `kafka.prefix`.'),
  LOG_NEWER: row('A newer Beamline has written to the topics.', 'Bring this process up to date.'),
  OFFSET_OUT_OF_RANGE: row(
    'Records that were not read yet are gone.',
    'A task: its retention was too short, restore from what is left and raise `retention.work.age`. A reader: begin at the first that is there.',
  ),
  UNREACHABLE: row('No broker answers.', 'See [troubleshooting](troubleshooting.md#kafka-is-unreachable).'),
  NOT_AUTHORIZED: row(
    'The brokers refuse user or right.',
    'Compare with the table of permissions in [kafka.md](kafka.md#permissions).',
  ),
}

export const READ_MODEL_MEANINGS: Meanings<ReadModelErrorCode> = {
  READ_MODEL_CLOSED: row('The process is stopping.', 'Ask another process, or again later.'),
  READ_MODEL_FAILED: row(
    'The database of the read model does not answer. Runs go on.',
    'Wait: it tries again by itself. See [read-model.md](read-model.md#what-failures-look-like).',
  ),
  READ_MODEL_NEWER: row('The tables are of a later version.', 'Bring this process up to date.'),
  READ_MODEL_FOREIGN: row('The tables belong to another log.', 'Choose another `read_model.schema`.'),
  CURSOR_INVALID: row('The cursor is damaged or belongs to another query.', 'Begin the list anew, without `after`.'),
}

/** What is wrong with a flow document. The engine's own codes of runs are in docs/flows.md, those of blocks in docs/blocks.md. */
export const FLOW_MEANINGS: Meanings = {
  INVALID_YAML: row('The text is no YAML.', 'Mend it at the line that the message names.'),
  INVALID_JSON: row('The text is no JSON.', 'Mend it at the line that the message names.'),
  DUPLICATE_KEY: row('A name is there twice.', 'Remove one.'),
  MISSING_FIELD: row('A required field is missing.', 'Add it; [flows.md](flows.md#fields-of-a-flow) has all fields.'),
  INVALID_FIELD: row('A field has a value it cannot have.', 'The message says what was expected.'),
  UNKNOWN_FIELD: row('A field that there is not.', 'Correct its name; the message may have a near one.'),
  UNKNOWN_NAME: row('An expression uses a name that cannot exist.', 'Take `input`, `vars`, `steps.ID` or `run`.'),
  UNKNOWN_STEP: row('A step is named that there is not.', 'Correct the id.'),
  UNKNOWN_BLOCK: row('There is no step type of this name.', '`beamline blocks list`.'),
  UNKNOWN_SECRET: row('The secret is not in the list `secrets` of the flow.', 'Add its name there.'),
  DUPLICATE_STEP: row('Two steps have one id.', 'Rename one.'),
  NOT_AN_ANCESTOR: row(
    'A condition looks at a step that does not come before it.',
    'Add an edge, or look at another step.',
  ),
  INVALID_SCHEMA: row('`input` is no JSON Schema (draft 2020-12).', 'Mend it where the path says.'),
  PATTERN_UNSAFE: row(
    'A regular expression that could take for ever.',
    'Write it without look-around and references to groups.',
  ),
  INVALID_EXPRESSION: row('An expression cannot be read.', 'Mend it; see [flows.md](flows.md#expressions).'),
  INVALID_SCRIPT: row(
    'The script of a step does not parse.',
    'Mend it where the message says; a template of the script itself is written `$${...}`.',
  ),
  INVALID_KERNEL: row(
    'The formula or the kernel of a step is not of the kernel language.',
    'Mend it where the message says; see [gpu.md](gpu.md#kernels-of-your-own).',
  ),
  EXPRESSION_TOO_LARGE: row(
    'An expression is larger than the limit.',
    'Divide it, or use a step of the type `jmespath`.',
  ),
  LIMIT_EXCEEDED: row('More steps, or more of something else, than there may be.', 'See [flows.md](flows.md#limits).'),
  TOO_LARGE: row('The document is larger than 1 MiB.', 'Move data out of it.'),
  TOO_DEEP: row('Lists and objects are nested too deeply.', 'Flatten it.'),
  LONE_SURROGATE: row('A text holds half of a character.', 'Mend the text.'),
  NOT_SUPPORTED_YET: row(
    'Part of the language that this version does not have.',
    'See [flows.md](flows.md#refused-as-not-supported-yet).',
  ),
}

/** What processes end with, or tell in their log, besides the codes of the log. */
export const PROCESS_MEANINGS: Meanings = {
  CHANGELOG_NEWER: row('A newer Beamline has written the state of a task.', 'Bring this process up to date.'),
  CHANGELOG_CORRUPT: row('A row of the state cannot be read.', 'Keep the data, restore a backup, and report it.'),
  ROW_UNENCODABLE: row(
    'A decision made a row that cannot be written; the record behind it becomes a dead letter.',
    'Look at the dead letter.',
  ),
  BACKUP_INVALID: row('A folder is no whole backup.', 'Take another; one without `backup.json` was not finished.'),
  NOT_EMPTY: row('Backup and restore only write into empty folders.', 'Name a new folder.'),
  NOT_A_FOLDER: row('A file is where a folder should be.', 'Name a folder.'),
}
